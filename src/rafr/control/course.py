"""The way of a held fragment: its approved path as adjusted, what the tissue does on it, and its timings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.control.adjustment import AdjustedPath
from rafr.control.config import ArmControlConfig
from rafr.control.expectation import Expectation
from rafr.control.grip import Grip
from rafr.control.signals import ArmKinematics, Moment
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import BodyPlan
from rafr.trajectory.reduction_path import PathTiming, ReductionPath, steady_timing, time_path
from rafr.trajectory.result import ArmTrajectory


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What outlives a hold: the path with its adjustments, and what was learnt of the tissue.

    Attributes:
        tension: (n,) N that the leg's cord pulls along the path as planned; None: no cord pulls.
    """

    path: AdjustedPath
    expectation: Expectation
    tension: FloatArray | None = None

    @staticmethod
    def of(plan: BodyPlan, pivot: FloatArray) -> Course:
        """Args: pivot (3,): the fragment's centre in its CT frame, m."""
        approved = ReductionPath.of_plan(plan, pivot)
        along = plan.traction_n
        tension = None if along is None else np.resize(along, len(approved.shares))
        return Course(AdjustedPath(approved), Expectation(plan, approved), tension)

    def planned_tension(self, u: float) -> float | None:
        """N, at a share of the path."""
        return None if self.tension is None else float(np.interp(u, self.path.approved.shares, self.tension))

    def onwards(
        self,
        now: Moment,
        trajectory: ArmTrajectory,
        arm: ArmKinematics,
        T_base_armbase: RigidTransform,
        grip: Grip,
        config: ArmControlConfig,
    ) -> PathTiming:
        """The timing that a joint trajectory gives the path.

        Raises:
            InfeasibleError: the fragment is not tracked or not at the start, or the trajectory strays.
        """
        fragment, T_base_pelvis = _tracked(now, config)
        approved = self.path.approved
        T_pelvis_armbase = T_base_pelvis.inverse() @ T_base_armbase
        carried = [grip.carried(T_pelvis_armbase @ arm.forward(q)) for q in trajectory.q]
        timing = time_path(approved, trajectory.t, carried, config.path_tolerance)
        off = approved.deviation(fragment, approved.at(timing.at(0.0)))
        if off > config.path_tolerance:
            raise InfeasibleError((f"the fragment stands {1e3 * off:.1f} mm from the path's start",))
        return timing

    def back(self, now: Moment, progress: float, config: ArmControlConfig) -> PathTiming:
        """A timing that leads the fragment the way it came, to a share of its path.

        Raises:
            InfeasibleError: the fragment is not tracked or off its path, or the share is not behind it.
        """
        fragment, _ = _tracked(now, config)
        here, off = self.path.approved.project(fragment)
        if not 0.0 <= progress < here:
            reason = f"{progress:.2f} of the path is not behind the fragment, which stands at {here:.2f}"
            raise InfeasibleError((reason,))
        if off > config.path_tolerance:
            raise InfeasibleError((f"the fragment stands {1e3 * off:.1f} mm off its path",))
        return steady_timing(self.path.approved, here, progress, config.retrace_speed)


def _tracked(now: Moment, config: ArmControlConfig) -> tuple[RigidTransform, RigidTransform]:
    """`T_current_displaced` and `T_base_pelvis`, m.

    Raises:
        InfeasibleError: they are not known, or too old.
    """
    if now.fragment is None or now.T_base_pelvis is None:
        raise InfeasibleError(("the fragment is not tracked",))
    if now.tracker_age > config.tracker_pause:
        raise InfeasibleError(("the fragment's pose is too old",))
    return now.fragment, now.T_base_pelvis
