"""An action goal that lasts over many callbacks: kept, fed with progress, ended later. Never blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node


class LongGoal:
    """An action server with at most one goal, whose result is given by `finish`.

    Args:
        begin: called with the request; returns why it is refused, or "" when it was begun.
        cancel: called when the client wants it ended; `finish` must follow.
        result: makes the result message of (success, message) for refused goals.
    """

    def __init__(
        self,
        node: Node,
        action: Any,
        name: str,
        *,
        begin: Callable[[Any], str],
        cancel: Callable[[], None],
        result: Callable[[bool, str], Any],
    ) -> None:
        self._begin, self._cancel, self._result = begin, cancel, result
        self._handle: Any = None
        self._server = ActionServer(
            node,
            action,
            name,
            execute_callback=lambda handle: result(False, "not executed"),
            goal_callback=lambda _: GoalResponse.ACCEPT,
            handle_accepted_callback=self._accepted,
            cancel_callback=self._cancelled,
        )

    @property
    def active(self) -> bool:
        return self._handle is not None

    def feedback(self, message: Any) -> None:
        if self._handle is not None:
            self._handle.publish_feedback(message)

    def finish(self, success: bool, result: Any) -> None:
        """End the goal with its result message."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _end(handle, success, result)

    def _accepted(self, handle: Any) -> None:
        if self._handle is not None:
            _end(handle, False, self._result(False, "another goal is under way"))
            return
        self._handle = handle
        refusal = self._begin(handle.request)
        if refusal:
            self.finish(False, self._result(False, refusal))

    def _cancelled(self, handle: Any) -> CancelResponse:
        if self._handle is None or handle.goal_id != self._handle.goal_id:
            return CancelResponse.REJECT
        self._cancel()
        return CancelResponse.ACCEPT


def _end(handle: Any, success: bool, result: Any) -> None:
    """Run the goal's execution with the result at hand: it ends at once."""

    def execute(goal: Any) -> Any:
        if success:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return result

    handle.execute(execute)
