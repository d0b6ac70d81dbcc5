"""The safety supervisor: watches everything from outside and stops, latched. Pure; times are wall times."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.control.risks import RiskWatch
from rafr.control.safety_config import SafetyConfig
from rafr.control.signals import ArmMode
from rafr.geometry.rigid_transform import FloatArray

__all__ = ["SafetyConfig", "SafetyDecision", "SafetyLevel", "SafetySupervisor"]

_STEP_SAMPLES = 3  # at 100 Hz: medians over 30 ms, 30 ms apart

_REQUESTED, _RISK = "requested", "risk"


class SafetyLevel(IntEnum):
    """States of the supervisor, numbered as in rafr_msgs/SafetyState."""

    OK = 0
    WARNING = 1
    STOPPED = 2


@dataclass(frozen=True, slots=True)
class SafetyDecision:
    """OK, WARNING (motion allowed) or STOPPED, with reasons."""

    level: SafetyLevel
    reasons: tuple[str, ...]
    compliant: bool = False
    """A held fragment may give way to a load that is too high: not once a person has stopped everything."""
    slowing: float = 0.0
    """0..1, by which share of its planned speed a reduction is to go slower."""

    @property
    def motion_allowed(self) -> bool:
        return self.level != SafetyLevel.STOPPED


@dataclass(slots=True)
class _Latest:
    """What was heard last, and when (wall time, s)."""

    heartbeats: dict[str, float] = field(default_factory=dict)
    ready: dict[str, bool] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    arm_t: float = -np.inf
    arm_mode: ArmMode = ArmMode.IDLE
    arm_reason: str = ""
    path_error: float = float("nan")
    tracker_t: float = -np.inf
    tool_errors: Mapping[str, float] = field(default_factory=dict)
    forces: deque[FloatArray] = field(default_factory=lambda: deque(maxlen=2 * _STEP_SAMPLES))
    over_limit: int = 0
    over_reason: str = ""
    base: FloatArray | None = None
    base_held: FloatArray | None = None
    traction: str = ""


class SafetySupervisor:
    """Hears of everything (`heard_…`), judges at each `update`; a stop stays until `reset`.

    Until every required node was heard once and is ready, motion is not allowed either, but nothing is
    latched: the system is starting. A node that dies later latches.
    """

    def __init__(self, required: tuple[str, ...], config: SafetyConfig, t_start: float) -> None:
        self._required = required
        self._config = config
        self._t_start = t_start
        self._latest = _Latest()
        self._risks = RiskWatch(config)
        self._latched: dict[str, str] = {}
        self._started = False

    def heard_heartbeat(self, node: str, t: float, ready: bool) -> None:
        self._latest.heartbeats[node] = t
        self._latest.ready[node] = ready
        self._latest.ended.discard(node)

    def heard_end(self, node: str) -> bool:
        """A node's process has ended; whether it is a cause to judge at once.

        What nothing depends on (a view, the recorder) stops the arm too when it moves, for nobody knows why
        it died; but a person may reset and go on without it.
        """
        if node in self._required:
            self._latest.ended.add(node)
            return True
        if self._latest.arm_mode not in (ArmMode.MOVING, ArmMode.REDUCING):
            return False
        self._latched.setdefault(f"end {node}", f"{node} has ended")
        return True

    def heard_arm(self, mode: ArmMode, reason: str, path_error: float, t: float) -> None:
        latest = self._latest
        latest.arm_t, latest.arm_mode, latest.arm_reason, latest.path_error = t, mode, reason, path_error
        if mode not in (ArmMode.CLAMPED, ArmMode.REDUCING, ArmMode.HOLDING):
            latest.base_held = None

    def heard_base(self, place: FloatArray) -> None:
        """Where the base stands on the floor (x, y), m, by its wheels."""
        latest = self._latest
        latest.base = place
        if latest.base_held is None and latest.arm_mode in (ArmMode.CLAMPED, ArmMode.REDUCING):
            latest.base_held = place

    def heard_tools(self, errors: Mapping[str, float], t: float) -> None:
        """errors: per visible tool the tracker's own error, m."""
        self._latest.tracker_t, self._latest.tool_errors = t, errors

    def heard_risk(self, source: str, probability: float, reason: str, t: float) -> None:
        """Probability 0..1 of harm, NaN: not known; `source` as in rafr_msgs/Risk."""
        self._risks.heard(source, probability, reason, t)

    def heard_traction(self, complaint: str) -> None:
        """What the traction device has to say against itself; empty when nothing."""
        self._latest.traction = complaint

    def heard_wrench(self, wrench: FloatArray) -> bool:
        """Raw wrench (6,) at the clamp, N and N m; whether it is a cause to judge at once.

        Single spikes are left to the controller's median.
        """
        config, latest = self._config, self._latest
        force, torque = (float(np.linalg.norm(part)) for part in (wrench[:3], wrench[3:]))
        over = force > config.force_limit or torque > config.torque_limit
        latest.over_limit = latest.over_limit + 1 if over else 0
        if over:
            latest.over_reason = f"raw wrench {force:.0f} N, {torque:.1f} N m beyond its limit"
        latest.forces.append(wrench[:3])
        step, load = self._force_step()
        allowed = max(config.wrench_step, config.wrench_step_share * load)
        if step > allowed and latest.arm_mode == ArmMode.REDUCING:
            changed = f"the load on the clamp changed by {step:.0f} N within 30 ms"
            why = "something gave way or caught, or the wrist sensor is off"
            self._latched.setdefault("wrench step", f"{changed}: {why}")
            return True
        return latest.over_limit >= config.wrench_samples

    def _force_step(self) -> tuple[float, float]:
        """N, between the medians of the last three readings and of the three before them; and the latter."""
        forces = self._latest.forces
        if len(forces) < 2 * _STEP_SAMPLES:
            return 0.0, 0.0
        before, after = (np.median(part, axis=0) for part in np.split(np.array(forces), 2))
        return float(np.linalg.norm(after - before)), float(np.linalg.norm(before))

    def stop(self, reason: str) -> None:
        """A person's stop."""
        self._latched[_REQUESTED] = reason

    def reset(self, t: float) -> Assessment:
        """A person's reset: refused while a cause lasts (a requested stop has none)."""
        causes = tuple(self._causes(t).values())
        if causes:
            return Assessment(False, causes)
        self._latched.clear()
        return ACCEPTED

    def update(self, t: float) -> SafetyDecision:
        """Judge the moment t (wall time, s)."""
        waiting = self._waiting_for(t)
        if waiting:
            return SafetyDecision(SafetyLevel.STOPPED, (*self._latched.values(), *waiting))
        for key, reason in self._causes(t).items():
            self._latched.setdefault(key, reason)
        if self._latched:
            compliant = _REQUESTED not in self._latched
            return SafetyDecision(SafetyLevel.STOPPED, tuple(self._latched.values()), compliant)
        warnings = tuple(self._warnings(t))
        level = SafetyLevel.WARNING if warnings else SafetyLevel.OK
        return SafetyDecision(level, warnings, compliant=True, slowing=self._risks.slowing(t))

    def _waiting_for(self, t: float) -> tuple[str, ...]:
        """Nodes still missing at the start; latched when they take too long."""
        if self._started:
            return ()
        missing = [n for n in self._required if not self._latest.ready.get(n, False)]
        if "arm_controller" in self._required and self._latest.arm_t == -np.inf:
            missing.append("the arm controller's state")
        if not missing:
            self._started = True
            return ()
        if t - self._t_start > self._config.startup_time:
            self._latched.setdefault("startup", f"did not start: {', '.join(missing)}")
        return (f"waiting for {', '.join(missing)}",)

    def _causes(self, t: float) -> dict[str, str]:
        """Everything that is wrong now, by kind."""
        latest, config = self._latest, self._config
        causes = {}
        for node in self._required:
            age = t - latest.heartbeats.get(node, -np.inf)
            if node in latest.ended:
                causes[f"end {node}"] = f"{node} has ended"
            elif age > config.heartbeat_age:
                causes[f"heartbeat {node}"] = f"no heartbeat of {node}"
        if "arm_controller" in self._required and t - latest.arm_t > config.arm_state_age:
            causes["arm state"] = "the arm controller's state is stale"
        if latest.over_limit >= config.wrench_samples:
            causes["wrench"] = latest.over_reason
        moved = self._base_moved()
        if moved > config.base_moved:
            causes["base"] = f"the base moved {1e3 * moved:.1f} mm while a fragment is held"
        if latest.arm_mode == ArmMode.REDUCING or _RISK in self._latched:
            risk = self._risks.stops(t)
            if risk:
                causes[_RISK] = risk
        if latest.arm_mode == ArmMode.REDUCING:
            if latest.traction:
                causes["traction"] = latest.traction
            if t - latest.tracker_t > config.tracker_age:
                causes["tracker"] = "the tracker is silent during a reduction"
            if latest.path_error > config.path_error:
                causes["path"] = f"the fragment is {1e3 * latest.path_error:.0f} mm off its path"
        return causes

    def _base_moved(self) -> float:
        """m, since the fragment was clamped; 0 while none is."""
        latest = self._latest
        if latest.base is None or latest.base_held is None:
            return 0.0
        return float(np.linalg.norm(latest.base - latest.base_held))

    def _warnings(self, t: float) -> list[str]:
        latest, config = self._latest, self._config
        warnings = [
            f"tool {tool} is seen with {1e3 * error:.1f} mm error"
            for tool, error in latest.tool_errors.items()
            if error > config.tool_error
        ]
        if latest.arm_mode == ArmMode.HOLDING:
            warnings.append(f"the arm holds: {latest.arm_reason}")
        warnings += self._risks.warnings(t)
        if latest.arm_mode in (ArmMode.CLAMPED, ArmMode.REDUCING):
            warnings += self._risks.missing(t)
        return warnings
