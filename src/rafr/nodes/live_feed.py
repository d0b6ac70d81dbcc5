"""Feeds the page with what the graph says now, as fast as a person can see and only while one looks."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rafr_msgs.msg import ArmState, ProcedureState
from visualization_msgs.msg import MarkerArray

from rafr.nodes.cord_markers import QOS, TOPIC
from rafr.nodes.runtime import LATCHED, RELIABLE, RafrNode
from rafr.nodes.whereabouts import Listener
from rafr.review.operation import Operation
from rafr.review.page import ReviewPage


class LiveFeed:
    """Subscribes, and on `show` brings the page up to date."""

    def __init__(self, node: RafrNode, page: ReviewPage, operation: Operation) -> None:
        self._node, self._page, self._operation = node, page, operation
        self._listener = Listener(node, operation.where)
        self._tissue: Any = None  # the subscription
        node.create_subscription(ArmState, "arm/state", operation.take_arm, RELIABLE)
        node.create_subscription(DiagnosticArray, "drill/guidance", operation.take_guidance, RELIABLE)
        node.create_subscription(ProcedureState, "procedure/state", operation.take_procedure, LATCHED)

    def show(self) -> None:
        """Bring the page up to date."""
        watched = self._page.watched
        self._listener.listen(watched)
        self._listen_to_tissue(watched)
        if watched:
            self._operation.look()
            self._operation.show()

    def _listen_to_tissue(self, wanted: bool) -> None:
        """The simulator computes that picture only while somebody listens."""
        if wanted and self._tissue is None:
            take = self._operation.take_tissue
            self._tissue = self._node.create_subscription(MarkerArray, TOPIC, take, QOS)
        elif not wanted and self._tissue is not None:
            self._node.destroy_subscription(self._tissue)
            self._tissue = None
