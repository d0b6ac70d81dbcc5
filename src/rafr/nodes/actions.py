"""An action server that works on one goal at a time in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle

from rafr.errors import RafrError
from rafr.nodes.runtime import ERROR, OK, WARN, RafrNode
from rafr.nodes.worker import run_in_process

# goal request, `compute(function, *args)` that awaits a worker process -> result message
Work = Callable[[Any, Callable[..., Any]], Coroutine[Any, Any, Any]]


class WorkerAction:
    """Serves an action whose result has `success` and `message`, its feedback `stage` and `progress`.

    Args:
        work: a coroutine function; what it raises as RafrError becomes a result without success.
        ready: says why no goal can be taken now, or nothing.
    """

    def __init__(
        self, node: RafrNode, action: Any, name: str, work: Work, ready: Callable[[], str] = lambda: ""
    ) -> None:
        self._node, self._action, self._name, self._work, self._ready = node, action, name, work, ready
        self._busy = False
        self._server = ActionServer(
            node,
            action,
            name,
            self._execute,
            goal_callback=self._consider,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def _consider(self, goal: Any) -> GoalResponse:
        problem = "it works on another goal" if self._busy else self._ready()
        if problem:
            self._node.get_logger().warning(f"{self._name} refused: {problem}")
            return GoalResponse.REJECT
        self._busy = True
        return GoalResponse.ACCEPT

    async def _execute(self, goal: ServerGoalHandle) -> Any:
        result = self._action.Result()
        self._node.diagnose(OK, f"{self._name}: working")
        try:
            result = await self._work(goal.request, self._computer(goal))
        except RafrError as error:
            result.success, result.message = False, " ".join(str(error).split())
        except Exception as error:
            # a defect: the goal must end and the reason be heard, the node stays for the way back
            result.success, result.message = False, f"{type(error).__name__}: {error}"
            self._node.diagnose(ERROR, f"{self._name}: {result.message}")
        finally:
            self._busy = False
        self._finish(goal, result)
        return result

    def _computer(self, goal: ServerGoalHandle) -> Callable[..., Any]:
        """`compute(function, *args)`: run in a process with the goal's feedback and cancellation."""

        def feedback(fraction: float, text: str) -> None:
            if goal.is_active:
                goal.publish_feedback(self._action.Feedback(stage=text, progress=float(fraction)))

        def compute(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            return run_in_process(
                self._node,
                function,
                *args,
                on_progress=feedback,
                cancelled=lambda: bool(goal.is_cancel_requested),
                **kwargs,
            )

        return compute

    def _finish(self, goal: ServerGoalHandle, result: Any) -> None:
        if result.success:
            goal.succeed()
            self._node.diagnose(OK, f"{self._name}: done", remarks=result.message)
            return
        if goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        self._node.diagnose(WARN, f"{self._name}: {result.message}")
