"""Hears of nodes whose processes end: at once on the same machine, by nothing here on another."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rafr_msgs.msg import Heartbeat
from rclpy.qos import QoSProfile, ReliabilityPolicy

from rafr.nodes.runtime import RafrNode
from rafr.processes import ProcessWatch

_LOOK_PERIOD = 0.02  # s, wall time
# a beat that was lost on the way must not hold up those behind it until it was sent again (seconds)
_BEATS = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)


class Ends:
    """Calls back within 20 ms of a node's end.

    Args:
        node: who listens.   names: of the nodes to watch; empty: all.
        ended: called with the node's name.   beat: called with every heartbeat of a process that lives.
    """

    def __init__(
        self,
        node: RafrNode,
        names: Collection[str],
        ended: Callable[[str], None],
        beat: Callable[[Heartbeat], None] | None = None,
    ) -> None:
        self._names, self._ended, self._beat = frozenset(names), ended, beat
        self._processes = ProcessWatch()
        node.create_subscription(Heartbeat, "heartbeat", self._take, _BEATS)
        node.create_wall_timer(_LOOK_PERIOD, self._look)

    def _take(self, message: Heartbeat) -> None:
        if self._names and message.node not in self._names:
            return
        lives = self._processes.heard(message.node, message.machine, message.pid)
        if lives and self._beat is not None:
            self._beat(message)

    def _look(self) -> None:
        for name in self._processes.ended():
            self._ended(name)
