"""Which tracked poses may be used: validity, staleness, device error, reprojection, repeated frames, jumps.

Trackers repeat frame numbers, deliver late, give NaN for a bad tool and see ghosts after an occlusion
(docs/conventions.md). A gated tool is either valid with the pose of *this* frame, or invalid
with a reason and no pose: an old pose is never handed out again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rafr.config import option
from rafr.errors import RafrError
from rafr.geometry import RigidTransform

_UNIT_TOLERANCE = 1e-3  # of a quaternion's norm: single precision on the device's side


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Limits of the gate."""

    max_age: float = option(
        0.1,
        "from exposure to use; also the gap after which tracking starts anew",
        unit="s",
        lower=0.001,
        upper=30.0,
    )
    max_lead: float = option(
        0.02,
        "that a stamp may lie ahead of the present: clocks are never quite equal",
        unit="s",
        lower=0.0,
        upper=1.0,
    )
    max_error: float = option(
        0.5e-3, "the device's own rms error of the marker fit", unit="m", lower=0.0, upper=0.01
    )
    max_reprojection_px: float = option(
        0.5,
        "rms distance of seen and fitted corners of a camera's tool",
        unit="px",
        lower=0.0,
        upper=20.0,
    )
    max_speed: float = option(0.5, "faster means the pose jumped", unit="m/s", lower=0.01, upper=10.0)
    max_turn_rate: float = option(3.0, "faster means the pose jumped", unit="rad/s", lower=0.01, upper=100.0)
    noise: float = option(
        1.0e-3, "of apparent motion allowed on top of `max_speed`", unit="m", lower=0.0, upper=0.1
    )
    turn_noise: float = option(
        0.02, "of apparent turn allowed on top of `max_turn_rate`", unit="rad", lower=0.0, upper=1.0
    )
    frames_to_accept: int = option(
        3, "coherent frames in a row before a tool (re)gains validity", lower=1, upper=1000
    )


@dataclass(frozen=True, slots=True)
class ToolSample:
    """One tool of one tracker frame, as the device delivers it.

    Attributes:
        name: the tool.   frame_number: the device's counter.
        stamp: s, when the frame was exposed.
        T_tracker_tool: m, or None where the device gave no usable pose (see `pose_or_none`).
        error: m, the device's rms error of the marker fit.
        visible: the device's own opinion.
        status: why the device gives no pose, where it says so.
        reprojection_px: of a camera's corners; 0 for every other device.
    """

    name: str
    stamp: float
    frame_number: int
    T_tracker_tool: RigidTransform | None
    error: float = 0.0
    visible: bool = True
    status: str = ""
    reprojection_px: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolState:
    """What may be believed about a tool.

    Attributes:
        name: the tool.
        T_tracker_tool: m, the pose of the frame just given; None unless valid.
        stamp: s, of the frame judged.
        error: m, the device's rms error.
        reason: why the tool is invalid; empty when valid.
    """

    name: str
    T_tracker_tool: RigidTransform | None
    stamp: float
    error: float
    reason: str = ""

    @property
    def valid(self) -> bool:
        return self.T_tracker_tool is not None


@dataclass(slots=True)
class _Track:
    """The coherent frames a tool has shown without a break."""

    stamp: float
    frame_number: int
    pose: RigidTransform | None = None
    coherent: int = 0


def pose_or_none(position: ArrayLike, quaternion_xyzw: ArrayLike) -> RigidTransform | None:
    """The pose of a message; None where it is not finite or its quaternion is not one."""
    quaternion = np.asarray(quaternion_xyzw, dtype=float)
    if not np.isfinite(quaternion).all() or abs(np.linalg.norm(quaternion) - 1.0) > _UNIT_TOLERANCE:
        return None
    try:
        return RigidTransform.from_quaternion_xyzw(quaternion, position)
    except (RafrError, ValueError):
        return None


class ToolGate:
    """Judges every tool of every tracker frame; one gate serves all tools of one tracker."""

    def __init__(self, config: GateConfig | None = None) -> None:
        self.config = config or GateConfig()
        self._tracks: dict[str, _Track] = {}

    def update(self, samples: Iterable[ToolSample], now: float) -> dict[str, ToolState]:
        """Judge one frame.

        Args:
            samples: the frame's tools.
            now: s, the time of use, on the clock of the stamps.

        Returns:
            State per tool, also for tools seen before that are missing from this frame.
        """
        states = {sample.name: self._judge(sample, now) for sample in samples}
        for name, track in self._tracks.items():
            if name not in states:
                track.coherent, track.pose = 0, None
                states[name] = ToolState(name, None, now, np.nan, "not in the tracker's frame")
        return states

    def _judge(self, sample: ToolSample, now: float) -> ToolState:
        track = self._tracks.get(sample.name)
        if track is None or track.stamp > now + self.config.max_lead:  # new, or the clock was set back
            track = self._tracks[sample.name] = _Track(-np.inf, -1)
        reason = self._not_new(sample, track)
        if not reason:
            unusable = self._unusable(sample, now)
            jump = "" if unusable else self._jump(sample, track)
            self._follow(sample, track, usable=not unusable, jumped=bool(jump))
            reason = unusable or jump or self._too_few_frames(track)
        pose = None if reason else sample.T_tracker_tool
        return ToolState(sample.name, pose, sample.stamp, sample.error, reason)

    @staticmethod
    def _not_new(sample: ToolSample, track: _Track) -> str:
        """A frame already judged says nothing new, good or bad."""
        if not np.isfinite(sample.stamp):
            return "stamp is not a number"
        if sample.frame_number == track.frame_number:
            return f"frame {sample.frame_number} repeated"
        if sample.stamp <= track.stamp:
            return f"out of order: {track.stamp - sample.stamp:.3f} s before the frame already seen"
        return ""

    def _unusable(self, sample: ToolSample, now: float) -> str:
        """What is wrong with the sample by itself."""
        limits = self.config
        if not sample.visible:
            return "not visible"
        if sample.T_tracker_tool is None:
            return sample.status or "pose is not a number"
        if not sample.error <= limits.max_error:  # a NaN error fails too
            return f"marker fit error {sample.error * 1e3:.2f} mm above {limits.max_error * 1e3:.2f} mm"
        if not sample.reprojection_px <= limits.max_reprojection_px:
            return f"reprojection {sample.reprojection_px:.2f} px above {limits.max_reprojection_px:.2f} px"
        age = now - sample.stamp
        if age > limits.max_age:
            return f"stale: {age:.3f} s old, limit {limits.max_age:.3f} s"
        if age < -limits.max_lead:
            return f"stamped {-age:.3f} s in the future"
        return ""

    def _jump(self, sample: ToolSample, track: _Track) -> str:
        """Whether the pose jumped since the tool's last coherent frame."""
        dt = sample.stamp - track.stamp
        if track.pose is None or sample.T_tracker_tool is None or dt > self.config.max_age:
            return ""
        motion = track.pose.inverse() @ sample.T_tracker_tool
        distance = float(np.linalg.norm(motion.translation))
        if distance > self.config.noise + self.config.max_speed * dt:
            return f"jumped {distance * 1e3:.1f} mm in {dt * 1e3:.0f} ms"
        if motion.angle > self.config.turn_noise + self.config.max_turn_rate * dt:
            return f"turned {np.degrees(motion.angle):.1f} deg in {dt * 1e3:.0f} ms"
        return ""

    def _follow(self, sample: ToolSample, track: _Track, *, usable: bool, jumped: bool) -> None:
        """Count coherent frames; a jump or gap starts a new count at the new place, a bad frame ends it."""
        gap = sample.stamp - track.stamp > self.config.max_age
        if not usable:
            track.coherent, track.pose = 0, None
        else:
            track.coherent = 1 if jumped or gap else track.coherent + 1
            track.pose = sample.T_tracker_tool
        track.stamp, track.frame_number = sample.stamp, sample.frame_number

    def _too_few_frames(self, track: _Track) -> str:
        needed = self.config.frames_to_accept
        return f"seen again: frame {track.coherent} of {needed}" if track.coherent < needed else ""
