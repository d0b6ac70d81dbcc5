"""What muscles and the electrodes on them do: the patient's under a reduction, an assistant's who lifts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rafr.simulation.faults.fault import Fault
from rafr.simulation.wearables import Demand

_GUARD = (0.06, 0.0012, 0.35)  # drive of a patient who guards: at least, per N on the fragment, at most
_LOAD, _REFLEX = 5.0, 0.15  # N that is felt; s, time constant
_RETURN, _TONE = 90.0, (0.015, 0.2)  # s in which tone returns (in life: minutes), drive then and in the end
_TRAIN, _BURST, _EVERY, _FIRING = 15.0, 0.15, 0.35, 70.0  # s, s, s, 1/s
_OVERLOAD = 25.0  # kg; NIOSH (1994) recommends at most 23 to anybody


class _Since(Fault):
    """Knows when it began."""

    at_once = False
    _began: float | None = None

    def elapsed(self, t: np.ndarray) -> np.ndarray:
        """s since the first moment it was asked for."""
        if self._began is None:
            self._began = float(t[0])
        return t - self._began


class MuscleGuarding(Fault):
    about = "the patient guards: muscles tense with the load on the fragment"
    said = "guarding"
    at_once = False
    _drive = 0.0

    def muscles(self, demand: Demand) -> Demand:
        least, per_newton, most = _GUARD
        goal = min(least + per_newton * demand.load, most) if demand.load > _LOAD else 0.0
        span = demand.t - demand.t[0] + (demand.t[1] - demand.t[0])
        drive = goal + (self._drive - goal) * np.exp(-span / _REFLEX)
        self._drive = float(drive[-1])
        return replace(demand, drive=np.maximum(demand.drive, drive))


class RelaxantWearsOff(_Since):
    about = "the relaxant wears off: the tone of all muscles returns within a minute and a half"
    said = "relaxation wears off"

    def muscles(self, demand: Demand) -> Demand:
        tone = np.interp(self.elapsed(demand.t), (0.0, _RETURN), _TONE)
        each = np.linspace(1.0, 0.75, len(demand.drive))
        return replace(demand, drive=np.maximum(demand.drive, each[:, None] * tone))


class NerveIrritation(_Since):
    about = "a nerve is irritated: bursts of one muscle at 70 Hz, three in a second, for 15 s"
    said = "nerve irritation"

    def muscles(self, demand: Demand) -> Demand:
        since = self.elapsed(demand.t)
        fires = (since < _TRAIN) & (since % _EVERY < _BURST)
        irritation, share = demand.irritation.copy(), demand.share.copy()
        irritation[0] = np.where(fires, _FIRING, irritation[0])
        share[0] = 0.25
        return replace(demand, irritation=irritation, share=share)


class EmgElectrodeOff(Fault):
    about = "an electrode on the patient's leg comes off"
    said = "electrode off"
    at_once = False

    def muscles(self, demand: Demand) -> Demand:
        off = demand.off.copy()
        off[0] = True
        return replace(demand, off=off)


class AssistantOverload(Fault):
    about = "the assistant lifts 25 kg instead of 3"
    said = "overload"
    at_once = False

    def lifting(self, load: float) -> float:
        return max(load, _OVERLOAD)
