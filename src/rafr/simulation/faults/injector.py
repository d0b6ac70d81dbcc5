"""Which faults there are, and when they happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.faults import arm, muscles, patient, stream, tracker, wrist
from rafr.simulation.faults.fault import Delivered, Fault
from rafr.simulation.live import LivePlant
from rafr.simulation.sensors import ArmReading, TrackerFrame
from rafr.simulation.wearables import Demand

KINDS: Mapping[str, type[Fault]] = {
    "tracker-freeze": tracker.TrackerFreeze,
    "tracker-drop": tracker.TrackerDrop,
    "tracker-nan": tracker.TrackerNan,
    "tracker-jump": tracker.TrackerJump,
    "tracker-drift": tracker.TrackerDrift,
    "tracker-swap": tracker.TrackerSwap,
    "tracker-late": tracker.TrackerLate,
    "tracker-old": stream.TrackerOld,
    "tracker-reorder": stream.TrackerReorder,
    "wrench-spike": wrist.WrenchSpike,
    "wrench-nan": wrist.WrenchNan,
    "wrench-bias": wrist.WrenchBias,
    "wrench-freeze": wrist.WrenchFreeze,
    "wrench-old": stream.WrenchOld,
    "wrench-reorder": stream.WrenchReorder,
    "traction-break": patient.TractionBreak,
    "traction-slip": patient.TractionSlip,
    "traction-surge": patient.TractionSurge,
    "pin-loosen": patient.PinLoosen,
    "pin-break": patient.PinBreak,
    "tissue-stiff": patient.TissueStiff,
    "ligament-unplanned": patient.LigamentUnplanned,
    "muscle-guarding": muscles.MuscleGuarding,
    "relaxant-wears-off": muscles.RelaxantWearsOff,
    "nerve-irritation": muscles.NerveIrritation,
    "emg-electrode-off": muscles.EmgElectrodeOff,
    "assistant-overload": muscles.AssistantOverload,
    "base-slip": arm.BaseSlip,
    "arm-connection-lost": arm.ArmConnectionLost,
    "arm-lag": arm.ArmLag,
    "power-loss": arm.PowerLoss,
    "arm-limit": arm.ArmLimit,
    "joint-stuck": arm.JointStuck,
    "joint-freeze": stream.JointFreeze,
    "joints-old": stream.JointsOld,
    "joints-reorder": stream.JointsReorder,
    "network-delay": stream.NetworkDelay,
    "network-drop": arm.NetworkDrop,
    "network-reorder": arm.NetworkReorder,
    "clock-forward": stream.ClockForward,
    "clock-back": stream.ClockBack,
}

FAULTS: dict[str, str] = {name: kind.about for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class FaultConfig:
    """When faults come."""

    earliest: float = option(2.0, "after the reduction has begun", unit="s", lower=0.0)
    latest: float = option(8.0, "after the reduction has begun", unit="s", lower=0.0)


def parse_faults(text: str) -> tuple[str, ...]:
    """Names of a comma-separated list.

    Raises:
        InputError: a name is unknown.
    """
    names = tuple(n.strip() for n in text.split(",") if n.strip())
    for name in names:
        if name not in FAULTS:
            raise InputError("faults", f"{name!r} is unknown", f"one of {', '.join(FAULTS)}")
    return names


class FaultInjector:
    """Sits between plant, sensors and their users; the reduction begins when the clamp closes."""

    def __init__(self, names: tuple[str, ...], config: FaultConfig, rng: np.random.Generator) -> None:
        self._delay = {name: float(rng.uniform(config.earliest, config.latest)) for name in names}
        self._rng = rng
        self._began: float | None = None
        self._active: dict[str, Fault] = {}

    @property
    def active(self) -> frozenset[str]:
        """Faults that have happened."""
        return frozenset(self._active)

    def update(self, now: float, plant: LivePlant) -> tuple[str, ...]:
        """Let faults happen whose time has come; returns the new ones."""
        if self._began is None and plant.clamped is not None:
            self._began = now
        if self._began is None:
            return ()
        due = [n for n, d in self._delay.items() if n not in self._active and now >= self._began + d]
        for name in due:
            fault = KINDS[name](self._rng)
            self._active[name] = fault
            fault.begin(plant)
        return tuple(due)

    @property
    def arm_connected(self) -> bool:
        return all(fault.reaches_arm for fault in self._active.values())

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        """What the arm's driver delivers at `now` instead of these readings."""
        through = list(readings)
        for fault in self._active.values():
            through = fault.readings(through, now)
        return through

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        """What the wrist sensor delivers instead of `measured` (6,)."""
        for fault in self._active.values():
            measured = fault.wrench(measured, now)
        return measured

    def frames(self, frames: Sequence[TrackerFrame], now: float) -> list[Delivered]:
        """What the tracker delivers at `now` instead of these frames."""
        delivered = [Delivered(frame) for frame in frames]
        for fault in self._active.values():
            delivered = fault.frames(delivered, now)
        return delivered

    def muscles(self, demand: Demand) -> Demand:
        """What makes the patient's muscles fire instead."""
        for fault in self._active.values():
            demand = fault.muscles(demand)
        return demand

    def lifting(self, load: float) -> float:
        """kg that the assistant lifts instead."""
        for fault in self._active.values():
            load = fault.lifting(load)
        return load

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        """Joint positions (dof,) that reach the arm's drives at `now` instead of those sent."""
        through = list(positions)
        for fault in self._active.values():
            through = fault.commands(through, now)
        return through
