"""What came of a reduction: what was seen at every tick, and the numbers that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rafr.control.arm import ArmCommand, ArmMode
from rafr.control.force import about
from rafr.geometry import RigidTransform
from rafr.geometry.residual import Residual, residual
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.live import LivePlant

REDUCED, HELD, OUT_OF_TIME = "reduced", "held", "running out of time"
_MOVING = 2e-3  # rad/s: faster than what a held arm does as its load settles
_STEP = 1e-5  # rad: a command that changes by less in a tick stands
_COLUMNS = (
    "t", "state", "progress", "force", "torque", "true_force", "true_torque", "path_error", "to_plan",
    "speed", "step",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ReductionRun:
    """One reduction, from its request on. Times are simulated.

    Attributes:
        outcome: reduced, held, or running out of time.   reason: the controller's or supervisor's words.
        fault_at: s since the reduction's start; None: none came.
        reaction: s from the fault to the first tick with a held command; None: no fault, or no hold.
        stood: s from the fault to the last step of the command; None likewise.
        standstill: s from the fault to the arm's last motion; None likewise.
        peak_force, peak_torque: true, N at the clamp and N m about the fragment's centre.
        measured_force, measured_torque: the same as the controller had them.
        to_plan, to_truth: how the fragment really stands in the end; None: truth not known.
        duration: s from request to end.   series: (n,) per column, sampled each tick.
    """

    outcome: str
    reason: str
    fault_at: float | None
    reaction: float | None
    stood: float | None
    standstill: float | None
    peak_force: float
    peak_torque: float
    measured_force: float
    measured_torque: float
    to_plan: Residual
    to_truth: Residual | None
    duration: float
    series: Mapping[str, FloatArray] = field(repr=False)


class Recorder:
    """Takes a row per tick.

    Args:
        points: (n, 3) of the fragment's surface in its CT frame, m.
        target: `T_reduced_displaced` of the plan, m.
    """

    def __init__(self, body: str, points: FloatArray, target: RigidTransform) -> None:
        self._body, self._points, self._target = body, points, target
        self._rows: list[Sequence[float]] = []
        self._q: FloatArray | None = None

    def add(self, t: float, command: ArmCommand, plant: LivePlant) -> None:
        """The moment t (s) as the controller and as only the plant knows it."""
        pose = plant.truth().poses[self._body]
        force, torque = true_load(plant, self._body, self._points.mean(axis=0))
        self._rows.append(
            (
                t, command.state, command.progress, command.force, command.torque, force, torque,
                command.path_error, residual(pose, self._target, self._points).distance,
                float(np.abs(plant.joint_state()[1]).max()), self._step(command),
            )
        )  # fmt: skip

    def _step(self, command: ArmCommand) -> float:
        """rad, largest change of a joint's command since the last tick."""
        before, self._q = self._q, command.q
        if before is None or command.q is None:
            return 0.0
        return float(np.abs(command.q - before).max())

    def series(self) -> dict[str, FloatArray]:
        rows = np.array(self._rows, dtype=float).reshape(-1, len(_COLUMNS))
        return {name: rows[:, k] for k, name in enumerate(_COLUMNS)}


def true_load(plant: LivePlant, body: str, pivot: FloatArray) -> tuple[float, float]:
    """Force at the clamp (N) and torque about the fragment's centre `pivot` (3,), CT frame, m (N m)."""
    wrench = plant.wrench()
    centre = (plant.world_from("clamp").inverse() @ plant.world_from_ct(body)).apply(pivot)
    torque = about(wrench, centre)[3:]
    return float(np.linalg.norm(wrench[:3])), float(np.linalg.norm(torque))


def judged(
    outcome: str,
    reason: str,
    fault_at: float | None,
    series: Mapping[str, FloatArray],
    to_plan: Residual,
    to_truth: Residual | None,
    duration: float,
) -> ReductionRun:
    """The numbers of a series whose t = 0 is the reduction's request."""
    t, peak = series["t"], {k: float(np.nanmax(series[k])) for k in ("true_force", "true_torque")}
    held = t[series["state"] == ArmMode.HOLDING]
    reaction = stood = standstill = None
    if fault_at is not None and len(held):
        reaction = max(0.0, float(held[0]) - fault_at)
        stood = _last(t[series["step"] > _STEP], fault_at)
        standstill = _last(t[series["speed"] > _MOVING], fault_at)
    return ReductionRun(
        outcome,
        reason,
        fault_at,
        reaction,
        stood,
        standstill,
        peak["true_force"],
        peak["true_torque"],
        float(series["force"].max()),
        float(series["torque"].max()),
        to_plan,
        to_truth,
        duration,
        series,
    )


def _last(t: FloatArray, since: float) -> float:
    """s from a time to the last of `t`; 0 where that is earlier."""
    return max(0.0, float(t[-1]) - since) if len(t) else 0.0
