"""Online path adjustment: what changes on the way becomes `path_adjustment` within a period.

The surgeon moves the end of a path with service `adjust_target`, or names something in the way with
`set_obstacle`; how stiff the tissue is the controller learns by itself. Decisions are in
`rafr.adjustment`; whether an adjustment is taken is the controller's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from rafr_msgs.msg import ArmState, PathAdjustment, Plan
from rafr_msgs.srv import AdjustTarget, SetObstacle

from rafr.adjustment import Adjusted, AdjusterConfig, AdjustmentKeeper, Ball, PathAdjuster
from rafr.config import option
from rafr.errors import InputError
from rafr.nodes import work
from rafr.nodes.convert import adjustment_message, plan_from_message
from rafr.nodes.runtime import ERROR, LATCHED, OK, RELIABLE, WARN, RafrNode, run_node
from rafr.nodes.worker import WorkerError, run_in_process
from rafr.planning.plan import ReductionPlan
from rafr.units import METRES_PER_MM

_FARTHEST = 10.0  # m: what is further away is in nobody's way
_HELD = (ArmState.CLAMPED, ArmState.REDUCING)


@dataclass(frozen=True, slots=True)
class AdjustmentNodeConfig:
    case: str = option("", "case folder")
    period: float = option(
        0.1, "between looks at what has changed (wall time)", unit="s", lower=0.02, upper=2.0
    )


class AdjustmentNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("adjustment")
        self._config = self.config(AdjustmentNodeConfig)
        self._adjuster_config = self.config(AdjusterConfig)
        self._case = work.case_of(self._config.case)
        self._plan: ReductionPlan | None = None
        self._state: ArmState | None = None
        self._keepers: dict[tuple[str, str], AdjustmentKeeper | None] = {}  # None: being built
        self._balls: dict[str, Ball] = {}
        self._wishes: dict[str, np.ndarray] = {}
        self._publisher = self.create_publisher(PathAdjustment, "path_adjustment", RELIABLE)
        self.create_subscription(Plan, "plan", self._take_plan, LATCHED)
        self.create_subscription(ArmState, "arm/state", self._take_state, RELIABLE)
        self.create_service(AdjustTarget, "adjust_target", self._adjust_target)
        self.create_service(SetObstacle, "set_obstacle", self._set_obstacle)
        self.create_wall_timer(self._config.period, self._look)
        self.set_ready()

    # -- what arrives --------------------------------------------------------------------------------

    def _take_plan(self, message: Plan) -> None:
        try:
            self._plan = plan_from_message(message)
        except InputError as error:
            self._plan = None
            self.diagnose(WARN, f"plan refused: {error}")
        self._keepers.clear()
        self._wishes.clear()

    def _take_state(self, message: ArmState) -> None:
        self._state = message
        if message.state in _HELD:
            self._prepare(message.body)
        keeper = self._keeper(message.body)
        if keeper is not None:
            keeper.heard(message.adjustment_reason)

    def _adjust_target(self, request: Any, response: Any) -> Any:
        moving = [b.name for b in self._case.moving]
        wish = np.array([getattr(v, axis) for v in (request.shift, request.turn) for axis in "xyz"])
        if request.body not in moving or not np.isfinite(wish).all():
            response.success, response.message = (
                False,
                f"expected one of {', '.join(moving)} and finite numbers",
            )
            return response
        self._wishes[request.body] = wish
        keeper = self._keeper(request.body)
        if keeper is not None:
            keeper.wish(wish)
        response.success, response.message = True, "taken up"
        return response

    def _set_obstacle(self, request: Any, response: Any) -> Any:
        centre = np.array([request.centre.x, request.centre.y, request.centre.z])
        near = np.abs(centre).max() <= _FARTHEST and 0.0 <= request.radius <= _FARTHEST  # NaN is not
        if not request.name or not near:
            expected = f"a name, a centre and a radius within {_FARTHEST:g} m"
            response.success, response.message = False, f"expected {expected}"
            return response
        self._balls.pop(request.name, None)
        if request.radius > 0.0:
            ball = Ball(request.name, centre / METRES_PER_MM, request.radius / METRES_PER_MM)
            self._balls[request.name] = ball
        for keeper in self._keepers.values():
            if keeper is not None:
                keeper.set_obstacles(self._balls)
        response.success, response.message = True, f"{len(self._balls)} in the way"
        return response

    # -- the adjuster --------------------------------------------------------------------------------

    def _keeper(self, body: str) -> AdjustmentKeeper | None:
        return None if self._plan is None else self._keepers.get((self._plan.hash, body))

    def _prepare(self, body: str) -> None:
        """Look at the path of a body that is held, once, in a process of its own."""
        if self._plan is None or body not in self._plan.order:
            return
        key, plan = (self._plan.hash, body), self._plan
        if key in self._keepers:
            return
        self._keepers[key] = None

        def built(future: Any) -> None:
            try:
                adjuster = PathAdjuster(future.result(), self._adjuster_config)
            except (WorkerError, InputError) as error:
                self.diagnose(ERROR, f"the path of {body} cannot be adjusted: {error}")
                return
            if self._plan is plan:
                self._keepers[key] = self._with_wishes(AdjustmentKeeper(adjuster), body)

        future = run_in_process(self, work.terrain, str(self._case.folder), body, plan)
        future.add_done_callback(built)

    def _with_wishes(self, keeper: AdjustmentKeeper, body: str) -> AdjustmentKeeper:
        """With what was asked for before it was built."""
        if self._balls:
            keeper.set_obstacles(self._balls)
        if body in self._wishes:
            keeper.wish(self._wishes[body])
        return keeper

    def _look(self) -> None:
        """Adjust when something has changed."""
        state = self._state
        if state is None or state.state != ArmState.REDUCING:
            return
        keeper = self._keeper(state.body)
        stiffness = float(state.stiffness) if np.isfinite(state.stiffness) else None
        if keeper is not None and keeper.due(state.progress, stiffness):
            self._publish(state.body, keeper.adjusted(state.progress))

    def _publish(self, body: str, found: Adjusted) -> None:
        assert self._plan is not None
        stamp = self.get_clock().now().to_msg()
        message = adjustment_message(self._plan.hash, body, found.adjustment, stamp)
        message.expected_force, message.unadjusted_force = found.outlook.force, found.unadjusted.force
        message.clearance, message.seconds = METRES_PER_MM * found.outlook.clearance, found.seconds
        message.needs_approval = not found.assessment.accepted
        message.reasons = list(found.assessment.reasons)
        self._publisher.publish(message)
        said = "; ".join(found.assessment.reasons) or "path adjusted"
        self.diagnose(
            OK if found.assessment.accepted else WARN,
            f"{found.adjustment.reason}: {said}",
            milliseconds=f"{1e3 * found.seconds:.0f}",
            expected_force=f"{found.outlook.force:.0f}",
            without=f"{found.unadjusted.force:.0f}",
        )


def main() -> None:
    sys.exit(run_node(AdjustmentNode))


if __name__ == "__main__":
    main()
