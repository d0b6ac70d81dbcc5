"""Faults of traction, pins and soft tissue: what happens at the patient."""

from __future__ import annotations

from rafr.simulation.faults.fault import Fault
from rafr.simulation.live import LivePlant


class TractionBreak(Fault):
    about = "the traction cord snaps"
    said = "the traction pulls"

    def begin(self, plant: LivePlant) -> None:
        plant.break_traction()


class TractionSlip(Fault):
    about = "the boot slips on the foot: the cord has 20 mm more to reel in"
    said = "the traction pulls"

    def begin(self, plant: LivePlant) -> None:
        plant.slip_traction()


class PinLoosen(Fault):
    about = "the Schantz pins loosen: play, and a twentieth of their stiffness is left"
    said = "loose pins"
    at_once = False

    def begin(self, plant: LivePlant) -> None:
        if plant.clamped is not None:
            plant.loosen_pins(plant.clamped)


class PinBreak(Fault):
    about = "one of the two Schantz pins breaks: the other holds alone"
    said = "loose pins|gave way"
    at_once = False

    def begin(self, plant: LivePlant) -> None:
        if plant.clamped is not None:
            plant.break_pin(plant.clamped)


class TractionSurge(Fault):
    about = "the winch runs away: 400 N within a second, whatever it is asked for"
    said = "the traction pulls"

    def begin(self, plant: LivePlant) -> None:
        plant.surge_traction()


class TissueStiff(Fault):
    about = "the soft tissue is three times as stiff as its model from where the fragment stands"
    said = "force|torque|the load"
    at_once = False

    def begin(self, plant: LivePlant) -> None:
        if plant.clamped is not None:
            plant.stiffen_tissue(plant.clamped)


class LigamentUnplanned(Fault):
    about = "a scar band nobody planned for: after 2 mm the fragment hangs on 80 N/mm"
    said = "force|torque|the load"
    at_once = False

    def begin(self, plant: LivePlant) -> None:
        if plant.clamped is not None:
            plant.tether(plant.clamped)
