"""Faults of traction and pins: what happens at the patient."""

from __future__ import annotations

from rafr.simulation.faults.fault import Fault
from rafr.simulation.live import LivePlant


class TractionBreak(Fault):
    about = "the traction cord snaps"

    def begin(self, plant: LivePlant) -> None:
        plant.break_traction()


class TractionSlip(Fault):
    about = "the boot slips on the foot: the cord has 20 mm more to reel in"

    def begin(self, plant: LivePlant) -> None:
        plant.slip_traction()


class PinLoosen(Fault):
    about = "the Schantz pins loosen: play, and a twentieth of their stiffness is left"

    def begin(self, plant: LivePlant) -> None:
        if plant.clamped is not None:
            plant.loosen_pins(plant.clamped)
