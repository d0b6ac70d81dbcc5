"""What holds at each knot of the problem, as CasADi functions of state and input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.nlp import Problem
from rafr.robot.mobile.extension import DynamicExtension, runge_kutta
from rafr.trajectory.paths import ClampSpeed
from rafr.trajectory.whole_body.clamp import (
    clamp_in_base,
    clamp_in_world,
    clamp_twist,
    planar,
    rotation_error,
    velocity_in_room,
)
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.scene import Scene
from rafr.trajectory.whole_body.tipping import moments, support_polygon, weight


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what is in the state (pose, u, q, qd, qdd, h) and in the input (accelerations, jerk)."""

    m: int
    dof: int

    @property
    def states(self) -> int:
        return 3 + self.m + 3 * self.dof + 1

    @property
    def inputs(self) -> int:
        return self.m + self.dof

    @property
    def u(self) -> slice:
        """Velocity of the base."""
        return slice(3, 3 + self.m)

    def joint(self, derivative: int) -> slice:
        """Joint angles, rates or accelerations."""
        first = 3 + self.m + derivative * self.dof
        return slice(first, first + self.dof)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """lower <= expression <= upper."""

    name: str
    expression: Any
    lower: float = 0.0
    upper: float = np.inf


class Stages:
    """The functions of one problem; `given` are its parameters."""

    def __init__(
        self, scene: Scene, speed: ClampSpeed, config: WholeBodyConfig, problem: Problem, free_end: bool
    ) -> None:
        import casadi as ca

        self._scene, self._speed, self._config, self._free_end = scene, speed, config, free_end
        self._model = scene.drive.model
        self.layout = Layout(len(self._model.inputs), scene.arm.dof)
        self._x, self._u = ca.SX.sym("x", self.layout.states), ca.SX.sym("u", self.layout.inputs)
        self._pose, self._velocity, self._h = self._x[:3], self._x[self.layout.u], self._x[-1]
        self._q, self._qd, self._qdd = (self._x[self.layout.joint(i)] for i in range(3))
        at_rest = self.layout.states - 1
        sizes = {
            "start": at_rest,
            "obstacles": scene.size,
            "base kept": scene.base_rows,
            "arm kept": scene.arm_rows,
        }
        if free_end:
            sizes |= {"near": 3, "reach": 3, "clamp": 3, "clamp rotation": 9, "kept at end": scene.base_rows}
        else:
            sizes["end"] = at_rest
        self.given = {name: problem.parameter(name, (size, 1)) for name, size in sizes.items()}

    def step(self) -> Any:
        """(x, u) -> the state one interval later."""
        import casadi as ca

        return ca.Function("step", [self._x, self._u], [self._after(self._h)])

    def _after(self, h: Any) -> Any:
        """The state a time h after the knot."""
        import casadi as ca

        m, jerk = self.layout.m, self._u[self.layout.m :]
        base = runge_kutta(DynamicExtension(self._model).rate, 3 + m, m)
        q, v, a = self._q, self._qd, self._qdd
        return ca.vertcat(
            base(self._x[: 3 + m], self._u[:m], h),
            q + h * v + h**2 / 2 * a + h**3 / 6 * jerk,
            v + h * a + h**2 / 2 * jerk,
            a + h * jerk,
            self._h,
        )

    def cost(self) -> Any:
        """(x, u) -> time and roughness of an interval, s."""
        import casadi as ca

        drive, limits, m = self._scene.drive, self._scene.arm.limits, self.layout.m
        wheels = drive.wheel_matrix @ self._u[:m] / drive.limits.wheel_acceleration
        rough = ca.sumsqr(wheels) / len(drive.wheels) + ca.sumsqr(self._qdd / limits.acceleration)
        rough += self._config.jerk_share * ca.sumsqr(self._u[m:] / limits.jerk)
        return ca.Function("cost", [self._x, self._u], [self._h * (1.0 + self._config.smoothness * rough)])

    def start(self) -> tuple[Any, list[Row]]:
        return self._function([self._x], [Row("start", self._x[:-1] - self.given["start"], 0.0, 0.0)])

    def way(self) -> tuple[Any, list[Row]]:
        """Limits and clearances at a knot and, of the base, halfway to the next."""
        import casadi as ca

        drive, most = self._scene.drive, self._config.margin
        wheels, a = drive.wheel_matrix, self._u[: self.layout.m]
        halfway = self._after(self._h / 2)[:3]
        rows = [
            Row("wheel rate", wheels @ self._velocity / drive.limits.wheel_rate, -most, most),
            Row("wheel acceleration", wheels @ a / drive.limits.wheel_acceleration, -most, most),
            # obstacles are wider than a step there, so that halfway is near enough
            Row("base clear", ca.vertcat(*(self._base_gaps(p, "base kept") for p in (self._pose, halfway)))),
            Row("arm clear", self._arm_gaps()),
            Row("clamp speed", self._clamp_speeds(self._x), -np.inf, 0.0),
            Row("clamp speed halfway", self._clamp_speeds(self._after(self._h / 2)), -np.inf, 0.0),
            Row("no tipping", self._within_support()),
        ]
        return self._function([self._x, self._u], rows)

    def end(self) -> tuple[Any, list[Row]]:
        import casadi as ca

        given = self.given
        if not self._free_end:
            return self._function([self._x], [Row("end", self._x[:-1] - given["end"], 0.0, 0.0)])
        R, p = clamp_in_world(self._scene.arm, self._pose, self._q)
        turned = rotation_error(R, ca.reshape(given["clamp rotation"], 3, 3))
        rows = [
            Row("rest", ca.vertcat(self._velocity, self._qd, self._qdd), 0.0, 0.0),
            Row("clamp at its goal", ca.vertcat(p - given["clamp"], turned), 0.0, 0.0),
            Row("near the docking pose", (self._pose - given["near"]) / given["reach"], -1.0, 1.0),
            Row("base clear", self._base_gaps(self._pose, "kept at end")),
            Row("arm clear", self._arm_gaps()),
        ]
        return self._function([self._x], rows)

    def _function(self, arguments: list[Any], rows: list[Row]) -> tuple[Any, list[Row]]:
        import casadi as ca

        shared = ca.cse([row.expression for row in rows])
        return ca.Function("stage", [*arguments, *self.given.values()], shared), rows

    def _base_gaps(self, pose: Any, kept: str) -> Any:
        return self._scene.base_distances(pose, self.given["obstacles"]) - self.given[kept]

    def _arm_gaps(self) -> Any:
        there = self._scene.arm_distances(self._pose, self._q, self.given["obstacles"])
        return there - self.given["arm kept"]

    def _clamp_speeds(self, x: Any) -> Any:
        """Squares above those allowed: as the base sees the clamp, in the room (see `time_to_contact`)."""
        import casadi as ca

        arm, speed, config, layout = self._scene.arm, self._speed, self._config, self.layout
        q, qd = x[layout.joint(0)], x[layout.joint(1)]
        linear, angular = clamp_twist(arm, q, qd)
        seen = ca.sumsqr(linear) / speed.linear**2 + ca.sumsqr(angular) / speed.angular**2
        _, p = clamp_in_base(arm, q)
        _, there = clamp_in_world(arm, x[:3], q)
        room = velocity_in_room(linear, p, planar(self._model.inputs, x[layout.u]))
        allowed = speed.linear + ca.fmax(self._scene.to_patient(there), 0) / config.time_to_contact
        return ca.vertcat(seen - config.margin**2, ca.sumsqr(room) - (config.margin * allowed) ** 2)

    def _within_support(self) -> Any:
        """(edges,) m from the zero-moment point to each edge of the support, less the margin.

        Times the floor's force by the weight, so that nothing is divided.
        """
        normals, offsets = support_polygon(self._scene.drive)
        velocity = planar(self._model.inputs, self._velocity)
        acceleration = planar(self._model.inputs, self._u[: self.layout.m])
        moment, force = moments(self._scene.arm, velocity, acceleration, self._q, self._qd, self._qdd)
        room = force * (offsets - self._config.support_margin) - normals @ moment
        return room / weight(self._scene.arm)
