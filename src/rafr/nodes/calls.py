"""Services and actions of other nodes, called without blocking: each ends in `done(success, message)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node

Done = Callable[[bool, str], None]
Then = Callable[[Any], str]
Heard = Callable[[Any], None]


class Calls:
    """Clients by name, made once; at most one action goal runs at a time and can be cancelled."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._services: dict[str, Any] = {}
        self._actions: dict[str, ActionClient] = {}
        self._goal: Any = None
        self._cancelled = False

    def offer_service(self, kind: Any, name: str) -> None:
        self._services[name] = self._node.create_client(kind, name)

    def offer_action(self, kind: Any, name: str) -> None:
        self._actions[name] = ActionClient(self._node, kind, name)

    def missing(self) -> list[str]:
        """Names whose server was not discovered yet."""
        services = [n for n, c in self._services.items() if not c.service_is_ready()]
        return services + [n for n, c in self._actions.items() if not c.server_is_ready()]

    def service(self, name: str, request: Any, done: Done, then: Then | None = None) -> None:
        """Call; `then` takes a successful response and says what is wrong with it, or ""."""
        client = self._services[name]
        if not client.service_is_ready():
            done(False, f"service {name} is not there")
            return
        future = client.call_async(request)
        future.add_done_callback(lambda f: _end(f.result(), f.result().success, done, then))

    def action(
        self, name: str, goal: Any, done: Done, then: Then | None = None, heard: Heard | None = None
    ) -> None:
        """Send a goal; `then` takes the result of a success and says what is wrong with it, or "".

        `heard` takes every feedback.
        """
        client = self._actions[name]
        if not client.server_is_ready():
            done(False, f"action {name} is not there")
            return
        self._cancelled = False

        def accepted(future: Any) -> None:
            handle = future.result()
            if not handle.accepted:
                done(False, f"{name} rejected the goal")
                return
            self._goal = handle
            if self._cancelled:
                handle.cancel_goal_async()
            handle.get_result_async().add_done_callback(finished)

        def finished(future: Any) -> None:
            self._goal = None
            answer = future.result()
            success = answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.success
            _end(answer.result, success, done, then)

        feedback = None if heard is None else lambda message: heard(message.feedback)
        client.send_goal_async(goal, feedback_callback=feedback).add_done_callback(accepted)

    def cancel(self) -> None:
        """Cancel the goal under way, also one that is just being accepted."""
        self._cancelled = True
        if self._goal is not None:
            self._goal.cancel_goal_async()
            self._goal = None


def _end(response: Any, success: bool, done: Done, then: Then | None) -> None:
    problem = then(response) if success and then is not None else ""
    done(bool(success) and not problem, problem or response.message)
