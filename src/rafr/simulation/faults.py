"""Faults that can be injected: each changes what the plant or a sensor does from one moment on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.live import LivePlant
from rafr.simulation.sensors import TrackerFrame

FAULTS: dict[str, str] = {
    "tracker-freeze": "the tracker repeats its last frame (same number, same poses) from then on",
    "tracker-drop": "the fragments' tools are no longer seen",
    "tracker-nan": "the tracker calls poses valid that are NaN (a damaged tool file)",
    "wrench-spike": "single readings of the wrist sensor are 900 N off, twice a second",
    "wrench-nan": "the wrist sensor says NaN",
    "traction-break": "the traction cord snaps",
    "traction-slip": "the boot slips on the foot: the cord has 20 mm more to reel in",
    "arm-connection-lost": "the arm answers nothing and follows nothing any more",
    "joint-stuck": "the arm's elbow no longer follows its commands",
    "pin-loosen": "the Schantz pins loosen: play, and a twentieth of their stiffness is left",
    "node-kill": "the arm controller's process is killed (by the supervisor of `rafr sim`)",
}

_SPIKE_PERIOD = 0.5
_SPIKE = np.array([900.0, 0.0, 0.0, 0.0, 0.0, 0.0])


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
        self._began: float | None = None
        self._active: set[str] = set()
        self._frozen: TrackerFrame | None = None
        self._next_spike = 0.0

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
            self._active.add(name)
            self._break(name, plant)
        return tuple(due)

    def _break(self, name: str, plant: LivePlant) -> None:
        if name == "traction-break":
            plant.break_traction()
        elif name == "traction-slip":
            plant.slip_traction()
        elif name == "joint-stuck":
            plant.stick_joint((len(plant.joint_names) - 1) // 2)
        elif name == "pin-loosen" and plant.clamped is not None:
            plant.loosen_pins(plant.clamped)

    @property
    def arm_connected(self) -> bool:
        return "arm-connection-lost" not in self._active

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        """What the wrist sensor delivers instead of `measured` (6,)."""
        if "wrench-nan" in self._active:
            return np.full(6, np.nan)
        if "wrench-spike" in self._active and now >= self._next_spike:
            self._next_spike = now + _SPIKE_PERIOD
            spiked: FloatArray = measured + _SPIKE
            return spiked
        return measured

    def frame(self, frame: TrackerFrame) -> tuple[TrackerFrame, bool]:
        """The frame delivered instead, and whether unseen poses are called valid."""
        if "tracker-freeze" in self._active:
            self._frozen = self._frozen or frame
            # the device goes on stamping: only number and poses give the freeze away
            return replace(self._frozen, stamp=frame.stamp), False
        if "tracker-drop" in self._active:
            tools = tuple(
                replace(t, T_tracker_marker=None) if t.name.startswith("fragment_") else t
                for t in frame.tools
            )
            return replace(frame, tools=tools), False
        if "tracker-nan" in self._active:
            tools = tuple(replace(t, T_tracker_marker=None) for t in frame.tools)
            return replace(frame, tools=tools), True
        return frame, False
