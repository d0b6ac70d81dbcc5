"""The optimiser of base and arm together: from a guess to a verified motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.config import check_config
from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Program
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import Drive
from rafr.room import Disc, Obstacle, OperatingRoom
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.guess import Guess
from rafr.trajectory.whole_body.obstacles import ordered, padded, parameters
from rafr.trajectory.whole_body.problem import SOLVERS, build
from rafr.trajectory.whole_body.result import WholeBodyTrajectory
from rafr.trajectory.whole_body.sampling import sampled
from rafr.trajectory.whole_body.scene import Scene
from rafr.trajectory.whole_body.verify import verify_whole_body

_NEARBY = 1.6  # m from the base's way: what base and arm could come to touch; the rest is verified only
_REACHED = 2e-3  # m less than start or goal keep of something, where they keep less than the clearance


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """From where to where.

    Attributes:
        pose: (3,) of the base at the start, q: (dof,) of the arm there.
        goal_pose: (3,) docking pose, its heading unwound along the way; goal_q: (dof,) before the pins there.
        T_world_clamp: before the pins.
        neighbourhood: how much of the configured offset and turn the base may end from `goal_pose`; zero: it
            ends there.
    """

    pose: FloatArray
    q: FloatArray
    goal_pose: FloatArray
    goal_q: FloatArray
    T_world_clamp: RigidTransform
    neighbourhood: float = 0.0


class WholeBodyOptimiser:
    """Keeps the compiled problems of one robot: building takes longer than solving."""

    def __init__(self, arm: ArmModel, drive: Drive, config: WholeBodyConfig | None = None) -> None:
        """InputError when the configuration is out of bounds."""
        self.arm, self.drive, self.config = arm, drive, config or WholeBodyConfig()
        check_config(self.config, "whole body")
        if self.config.solver not in SOLVERS:
            raise InputError(
                "whole body", f"solver is {self.config.solver!r}", f"one of {', '.join(SOLVERS)}"
            )
        self._speed = ArmPathConfig().free
        self._built: dict[object, tuple[Scene, Program]] = {}

    @property
    def built(self) -> int:
        """How many problems have been built: a new one takes seconds more than solving it."""
        return len(self._built)

    def optimise(self, task: Task, guesses: Sequence[Guess], room: OperatingRoom) -> WholeBodyTrajectory:
        """The first verified motion that a guess leads to.

        Raises:
            InfeasibleError: no guess led to a motion that the independent check accepts; the reasons say why.
        """
        way = np.vstack([g.base.poses[:, :2] for g in guesses])
        near = padded([o for o in room.obstacles[1:] if float(o.distance(way).min()) < _NEARBY])
        scene, program = self._problem(room, near, free_end=task.neighbourhood > 0)
        given = self.parameters(scene, task, near)
        reasons: list[str] = []
        for guess in guesses:
            solution = program.solve(given, guess.values(self.drive.model, self.config.knots))
            if not solution.converged or solution.violated:
                wrong: tuple[str, ...] = ("; ".join(solution.violated[:3]) or "did not converge",)
            else:
                found = sampled(solution, self.arm, self.drive, self.config)
                wrong = verify_whole_body(found, self.arm, self.drive, room, task, self.config).reasons
                if not wrong:
                    return found
            reasons += [f"together, guess {guess.name!r}: {reason}" for reason in wrong]
        raise InfeasibleError(tuple(reasons))

    def _problem(
        self, room: OperatingRoom, near: Sequence[Obstacle], *, free_end: bool
    ) -> tuple[Scene, Program]:
        discs = sum(isinstance(o, Disc) for o in near)
        key = (room.table, room.patient, discs, len(near) - discs, free_end)
        if key not in self._built:
            scene = Scene(
                self.arm,
                self.drive,
                room.table,
                room.patient,
                discs,
                len(near) - discs,
                self.config.inflation,
            )
            self._built[key] = scene, build(scene, self._speed, self.config, free_end=free_end)
        return self._built[key]

    def parameters(self, scene: Scene, task: Task, near: Sequence[Obstacle]) -> dict[str, FloatArray]:
        """Of the problem, by name: ends, obstacles and the clearances to keep."""
        config, obstacles = self.config, parameters(ordered(near))
        base, arm = scene.distances
        ends = ((task.pose, task.q), (task.goal_pose, task.goal_q))
        # where the robot stands nearer at its ends it may be as near on its way
        base_gaps = np.array([base(pose, obstacles).full().ravel() for pose, _ in ends])
        arm_gaps = np.array([arm(pose, q, obstacles).full().ravel() for pose, q in ends])
        at_rest = np.zeros(len(self.drive.model.inputs)), np.zeros(2 * self.arm.dof)
        given = {
            "start": np.r_[task.pose, at_rest[0], task.q, at_rest[1]],
            "obstacles": obstacles,
            "base kept": np.minimum(config.base_clearance, base_gaps.min(axis=0) - _REACHED),
            "arm kept": np.minimum(config.arm_clearance, arm_gaps.min(axis=0) - _REACHED),
        }
        if task.neighbourhood == 0:
            return given | {"end": np.r_[task.goal_pose, at_rest[0], task.goal_q, at_rest[1]]}
        reach = np.array([config.final_offset, config.final_offset, config.final_turn])
        return given | {
            "near": task.goal_pose,
            "reach": task.neighbourhood * reach,
            "clamp": task.T_world_clamp.translation,
            "clamp rotation": task.T_world_clamp.rotation.ravel(order="F"),
            "kept at end": np.minimum(config.final_clearance, base_gaps[1]),
        }
