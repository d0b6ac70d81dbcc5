"""The last message of a topic, and how old it is."""

from __future__ import annotations

import time
from typing import Any, Generic, TypeVar

from rclpy.node import Node
from rclpy.qos import QoSProfile

MessageT = TypeVar("MessageT")
_FRESH = 2.0  # s, wall time: age at which a message counts no more


class Latest(Generic[MessageT]):
    """Keeps the last message while it listens; ages are of wall time, `fresh` s at most count."""

    def __init__(self, node: Node, kind: Any, topic: str, qos: QoSProfile, fresh: float = _FRESH) -> None:
        self._fresh = fresh
        self._node, self._what = node, (kind, topic)
        self._qos = qos
        self._subscription: Any = None
        self._heard = 0.0
        self.last: MessageT | None = None

    def listen(self, wanted: bool = True) -> None:
        """Begin to listen, or stop, which costs nothing then."""
        if wanted and self._subscription is None:
            self._subscription = self._node.create_subscription(*self._what, self._take, self._qos)
        elif not wanted and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = self.last = None

    @property
    def fresh(self) -> MessageT | None:
        """The last message, unless it is too old to count."""
        return self.last if time.monotonic() - self._heard < self._fresh else None

    def _take(self, message: MessageT) -> None:
        self.last, self._heard = message, time.monotonic()
