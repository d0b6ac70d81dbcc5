"""Re-planning in closed loop along the paths of displaced hips, with the patient's tissue.

The arm carries the first interval of each horizon out; joints and wrench are measured with noise, the wrench
from the full tissue model. Every tenth state is also solved by a second replanner that knows nothing yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.bench.patients import displaced_hip
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.arm import ArmModel
from rafr.tissue.cables import TissueModel
from rafr.tissue.model import build_tissue
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.replan import Replanner
from rafr.trajectory.horizon.result import Horizon, Measured
from rafr.trajectory.horizon.tissue import tissue_load
from rafr.units import to_metres

_POSTURE = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])
_GRIP = 0.1  # m from the clamp along its axis to the fragment's centre
_NOISE = np.repeat([1.0, 0.05], 3)  # N, N m
_JOINT_NOISE = 2e-5  # rad
_STALLED, _MOST = 20, 400  # calls
_ARRIVED = 0.02  # s of path
_COLD_EVERY = 10


@dataclass(frozen=True, eq=False)
class Patient:
    """A fragment in the clamp: its tissue, where the pelvis lies, and the path, m."""

    tissue: TissueModel
    T_armbase_pelvis: RigidTransform
    T_fragment_centre: RigidTransform
    poses: list[RigidTransform]

    def measured(self, t: float, q: Any, qd: Any, fragment: RigidTransform, noise: Any) -> Measured:
        current = self.T_armbase_pelvis.inverse() @ fragment @ self.T_fragment_centre.inverse()
        wrench, stiffness = tissue_load(self.tissue, self.T_armbase_pelvis, current.renormalised())
        return Measured(t, q, qd, fragment, wrench + noise, stiffness)


def patient(seed: int, arm: ArmModel) -> Patient:
    """A hip in the clamp, the robot at any side."""
    hip = displaced_hip(seed, "left")
    rng = np.random.default_rng([seed, 1])
    tissue = build_tissue(hip.case, hip.meshes, hip.body, hip.goals)
    # supine under a clamp that points down: anterior (-y of LPS) up, the robot at any side
    clamp = arm.forward(_POSTURE) @ RigidTransform.from_translation((0.0, 0.0, _GRIP))
    supine = RigidTransform.from_rotvec([0.0, 0.0, rng.uniform(-np.pi, np.pi)]) @ RigidTransform.from_rotvec(
        [-np.pi / 2, 0.0, 0.0]
    )
    centre = RigidTransform.from_translation(tissue.centroid)
    there = RigidTransform.from_translation(clamp.translation) @ supine @ centre.inverse()
    start, end = (there @ T @ centre for T in (RigidTransform.identity(), to_metres(hip.reduced)))
    return Patient(tissue, there, centre, screw_interpolate(start, end, np.linspace(0.0, 1.0, 15)))


class Run:
    """One reduction in closed loop."""

    def __init__(self, arm: ArmModel, patient: Patient, seed: int) -> None:
        self.arm, self.patient, self.seed = arm, patient, seed
        self.rng = np.random.default_rng(seed)
        self.q, self.qd, self.t = _POSTURE.copy(), np.zeros(arm.dof), 0.0
        self.grip = arm.forward(self.q).inverse() @ patient.poses[0]

    def play(self, replanner: Replanner, cold: Replanner, most: int = _MOST) -> dict[str, Any]:
        """To the end of the path, where nothing more is won, or `most` calls; seconds of every call."""
        for each in (replanner, cold):
            each.set_path(self.patient.poses)
            each.forget()
        seconds: dict[str, list[float]] = {"warm": [], "cpu": [], "cold": [], "cold_cpu": []}
        solvers: list[str] = []
        forces, off, still, outcome, first, length = [], [], 0, "", float("nan"), 0.0
        for k in range(most):
            now = self.measured()
            try:
                horizon, wall, cpu = timed(replanner.replan, now)
            except InfeasibleError as error:
                outcome = f"refused: {error}"
                break
            if k == 0:
                first, length = wall, float(horizon.states[0, -2])
            else:
                seconds["warm"].append(wall)
                seconds["cpu"].append(cpu)
            if k % _COLD_EVERY == _COLD_EVERY // 2:
                cold.forget()
                _, wall, cpu = timed(cold.replan, now)
                seconds["cold"].append(wall)
                seconds["cold_cpu"].append(cpu)
            solvers.append(horizon.solver)
            forces.append(float(np.linalg.norm(now.wrench[:3])))
            off.append(1e3 * horizon.usage["tube position"] * HorizonConfig().tube_position)
            still = still + 1 if horizon.progress < _ARRIVED else 0
            if horizon.states[0, -2] < _ARRIVED or still > _STALLED:
                arrived = horizon.states[0, -2] < _ARRIVED
                outcome = "arrived" if arrived else f"held by {', '.join(horizon.limited_by())}"
                break
            self.follow(horizon)
        return {
            "seed": self.seed,
            "length_s": round(length, 2),
            "outcome": outcome or "not finished",
            "peak_force_n": round(max(forces, default=0.0), 1),
            "off_mm": round(max(off, default=0.0), 3),
            "first": first,
            "solvers": solvers,
            **seconds,
        }

    def measured(self) -> Measured:
        fragment = (self.arm.forward(self.q) @ self.grip).renormalised()
        return self.patient.measured(self.t, self.q, self.qd, fragment, self.rng.normal(0.0, 1.0, 6) * _NOISE)

    def follow(self, horizon: Horizon) -> None:
        self.t = horizon.start + horizon.step
        state, n = horizon.at([self.t])[0], self.arm.dof
        self.q = state[:n] + self.rng.normal(0.0, _JOINT_NOISE, n)
        self.qd = state[n : 2 * n]


def timed(call: Callable[..., Any], *given: Any) -> tuple[Any, float, float]:
    """Result, wall seconds and seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call(*given)
    return result, time.perf_counter() - wall, time.process_time() - cpu


def somewhere(arm: ArmModel) -> list[RigidTransform]:
    """Any path: to compile the problem once for all."""
    start = arm.forward(_POSTURE)
    return [start, start @ RigidTransform.from_translation((0.0, 0.0, -0.01))]
