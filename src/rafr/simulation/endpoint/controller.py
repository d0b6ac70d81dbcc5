"""joint_trajectory_controller with a position command interface, update by update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.endpoint.request import (
    Goal,
    Tolerances,
    TrajectoryRequest,
    Waypoint,
    in_order,
    refusal,
)
from rafr.simulation.endpoint.spline import RunningTrajectory, Sample


class ErrorCode(IntEnum):
    """`error_code` of control_msgs/FollowJointTrajectory's result."""

    SUCCESSFUL = 0
    INVALID_GOAL = -1
    INVALID_JOINTS = -2
    OLD_HEADER_TIMESTAMP = -3
    PATH_TOLERANCE_VIOLATED = -4
    GOAL_TOLERANCE_VIOLATED = -5


@dataclass(frozen=True, slots=True)
class GoalOutcome:
    """How an accepted goal ended; a cancelled one carries no text, as in the controller."""

    code: ErrorCode
    text: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ControllerState:
    """What `controller_state` says: (dof,) rad each."""

    reference: FloatArray
    feedback: FloatArray
    output: FloatArray

    @property
    def error(self) -> FloatArray:
        return self.reference - self.feedback


class TrajectoryController:
    """Active from the beginning, holding where the arm stands.

    Args:
        joints: names, in the order of every array.
        q: (dof,) rad where they are.
        period: s between two updates.
        tolerances: of goals that bring none.
        from_desired: a new trajectory goes on from the last command, not from the measured state
            (parameter `interpolate_from_desired_state`).
    """

    def __init__(
        self,
        joints: Sequence[str],
        q: FloatArray,
        period: float,
        tolerances: Tolerances,
        from_desired: bool = True,
    ) -> None:
        self._joints, self._period = tuple(joints), period
        self._default, self._from_desired = tolerances, from_desired
        self.active = True
        self.goal_active = False
        self.outcomes: list[GoalOutcome] = []
        """How goals ended since somebody last took them away."""
        self._reset(q)

    def _reset(self, q: FloatArray) -> None:
        self._tolerances = self._default
        self._last = (float("nan"), Waypoint(0.0, q.copy()))
        self._time = self._now = float("nan")
        self._running: RunningTrajectory | None = None
        self._new: TrajectoryRequest | None = None
        self._hold(Waypoint(0.0, q.copy()))
        self.state = ControllerState(q.copy(), q.copy(), q.copy())

    # -- requests ------------------------------------------------------------------------------------

    def take(self, request: TrajectoryRequest, now: float) -> str:
        """A message on the topic; why it is dropped, or empty."""
        reason = refusal(request, self._joints, now)
        if not reason and self.active:
            self._new, self._holding = in_order(request, self._joints), False
        return reason

    def rejection(self, goal: Goal, now: float) -> str:
        """Why a goal of the action is rejected; empty where it will be accepted."""
        if not self.active:
            return "Can't accept new action goals. Controller is not running."
        return refusal(goal.request, self._joints, now)

    def take_goal(self, goal: Goal) -> None:
        """An accepted goal of the action; it ends the goal before it."""
        self._finish(ErrorCode.INVALID_GOAL, "Current goal preempted by new incoming action.")
        self._new, self._holding = in_order(goal.request, self._joints), False
        self._tolerances = goal.tolerances(self._joints, self._default)
        self.goal_active = True

    def cancel(self, q: FloatArray) -> None:
        """Cancel the goal and stay where the joints (dof,) are."""
        if self.goal_active:
            self.goal_active = False
            self.outcomes.append(GoalOutcome(ErrorCode.SUCCESSFUL, "", cancelled=True))
            self._hold(Waypoint(0.0, q.copy()))

    def deactivate(self) -> None:
        """As the controller manager does when the hardware fails."""
        self.active = False
        self._finish(ErrorCode.INVALID_GOAL, "Current goal cancelled during deactivate transition.")

    def activate(self, q: FloatArray) -> None:
        """Begin again, holding at q (dof,)."""
        self.active = True
        self._reset(q)

    # -- update --------------------------------------------------------------------------------------

    def update(self, now: float, q: FloatArray, scaling: float = 1.0) -> FloatArray | None:
        """The command (dof,) for measured joints q at `now` (s); None: leave the last one.

        Args:
            scaling: how fast the trajectory's time runs (1: as planned).
        """
        if not self.active:
            return None
        if self._new is not None:
            self._begin(self._new, now, q)
            self._new = None
        else:
            self._time += (now - self._now) * scaling
        self._now = now
        assert self._running is not None
        desired = self._running.sample(self._time)
        ahead = self._running.sample(self._time + self._period)
        if desired is None or ahead is None:
            return None
        command = self._judge(desired, ahead, now, q)
        self._first = False
        output = self._last[1].positions if command is None else command
        self.state = ControllerState(desired.state.positions, q.copy(), output)
        return command

    def _begin(self, request: TrajectoryRequest, now: float, q: FloatArray) -> None:
        t, state = self._last
        if not self._from_desired:
            t, state = now, Waypoint(0.0, q.copy(), np.zeros_like(q))
        self._running = RunningTrajectory(request, now if np.isnan(t) else t, state)
        self._time, self._first = now, True

    def _judge(self, desired: Sample, ahead: Sample, now: float, q: FloatArray) -> FloatArray | None:
        """Tolerances and the goal's end; the command where they are met."""
        error = np.abs(desired.state.positions - q)
        watched = not self._holding
        strayed = (
            watched
            and (not ahead.past_end or self._first)
            and bool(np.any((self._tolerances.path > 0) & (error > self._tolerances.path)))
        )
        off_goal = (
            watched
            and ahead.past_end
            and bool(np.any((self._tolerances.goal > 0) & (error > self._tolerances.goal)))
        )
        late = self._time - ahead.since
        too_late = off_goal and self._tolerances.time != 0.0 and late > self._tolerances.time
        if not strayed and not too_late:
            self._last = (now, ahead.state)
        if strayed:
            self._finish(ErrorCode.PATH_TOLERANCE_VIOLATED, "Aborted due to path tolerance violation")
        elif too_late:
            text = f"Aborted due to goal_time_tolerance exceeding by {late:f} seconds"
            self._finish(ErrorCode.GOAL_TOLERANCE_VIOLATED, text)
        elif self.goal_active and ahead.past_end and not off_goal:
            assert self._running is not None
            self._finish(ErrorCode.SUCCESSFUL, "Goal successfully reached!")
            self._hold(self._running.last)
        if strayed or too_late:
            self._hold(Waypoint(0.0, q.copy()))
            return None
        return ahead.state.positions

    def _hold(self, point: Waypoint) -> None:
        still = Waypoint(0.0, point.positions, point.velocities, point.accelerations)
        self._new, self._holding = TrajectoryRequest(self._joints, (still,)), True

    def _finish(self, code: ErrorCode, text: str) -> None:
        if self.goal_active:
            self.goal_active = False
            self.outcomes.append(GoalOutcome(code, text))
