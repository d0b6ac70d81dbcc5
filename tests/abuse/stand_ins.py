"""What stands around a node that is driven in this process: servers, goals, computations, a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import rclpy.client
import rclpy.publisher
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.serialization import deserialize_message, serialize_message

from rafr.nodes import actions, adjustment, or_simulator
from rafr.nodes.worker import WorkerError

Answering = Callable[[Any], Any]
Heard = Callable[[str, Any], None]


def over_the_wire(message: Any) -> Any:
    """As the other side has it; whatever could not be sent raises."""
    return deserialize_message(serialize_message(message), type(message))


class Ended:
    """A future that is done. Unlike rclpy's it hides no exception of those who waited for it."""

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        self._value, self._error = value, error

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value

    def done(self) -> bool:
        return True

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        callback(self)

    def __await__(self) -> Iterator[None]:
        yield None
        return self.result()


class Goal:
    """A goal as an action's server is handed it."""

    def __init__(self, request: Any) -> None:
        self.request, self.goal_id = request, object()
        self.is_cancel_requested, self.is_active = False, True
        self.ended = ""

    def publish_feedback(self, feedback: Any) -> None:
        serialize_message(feedback)

    def execute(self, work: Callable[[Any], Any]) -> None:
        serialize_message(work(self))

    def succeed(self) -> None:
        self._end("succeeded")

    def abort(self) -> None:
        self._end("aborted")

    def canceled(self) -> None:
        self._end("cancelled")

    def _end(self, how: str) -> None:
        assert not self.ended, f"{how} after it was {self.ended}"
        self.ended, self.is_active = how, False


class _Accepted:
    """A goal as its client is handed it."""

    def __init__(self, result: Any) -> None:
        self.accepted, self._result = True, result

    def get_result_async(self) -> Ended:
        return Ended(SimpleNamespace(status=GoalStatus.STATUS_SUCCEEDED, result=self._result))

    def cancel_goal_async(self) -> Ended:
        return Ended()


class Browser:
    """What one browser is shown: a server that draws for all has the same interface."""

    def __init__(self) -> None:
        import viser

        self.server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        self.client_id, self.scene, self.gui = 0, self.server.scene, self.server.gui
        self.camera = SimpleNamespace()


@contextmanager
def stand_ins(answer: Answering, heard: Heard) -> Iterator[None]:
    """Every service and action is served, by `answer(type of the answer)`; somebody listens to every topic.

    `heard`: called with topic and message of all that is published, after it went over the wire. No long
    computation is made: each is answered as one that failed.
    """
    publish = rclpy.publisher.Publisher.publish

    def published(publisher: Any, message: Any) -> None:
        publish(publisher, message)
        sent = deserialize_message(message, publisher.msg_type) if isinstance(message, bytes) else message
        heard(publisher.topic_name.removeprefix("/rafr/"), over_the_wire(sent))

    def call(client: Any, request: Any) -> Ended:
        over_the_wire(request)
        return Ended(answer(client.srv_type.Response))

    def send(client: Any, goal: Any, feedback_callback: Any = None, **_: Any) -> Ended:
        over_the_wire(goal)
        kind = client._action_type
        if feedback_callback is not None:
            feedback_callback(SimpleNamespace(feedback=answer(kind.Feedback)))
        return Ended(_Accepted(answer(kind.Result)))

    def compute(*_: Any, **__: Any) -> Ended:
        return Ended(error=WorkerError("not computed in this test"))

    with ExitStack() as stack:
        for holder, name, new in (
            (rclpy.publisher.Publisher, "publish", published),
            (rclpy.publisher.Publisher, "get_subscription_count", lambda _: 1),
            (rclpy.client.Client, "service_is_ready", lambda _: True),
            (rclpy.client.Client, "call_async", call),
            (ActionClient, "server_is_ready", lambda _: True),
            (ActionClient, "send_goal_async", send),
            (actions, "run_in_process", compute),
            (adjustment, "run_in_process", compute),
            (or_simulator, "run_in_process", compute),
        ):
            stack.enter_context(patch.object(holder, name, new))
        yield
