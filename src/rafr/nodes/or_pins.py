"""Service `insert_pins` of the simulated room: pins that are there at once, or drilled for by a hand."""

from __future__ import annotations

from typing import Any

from rafr_msgs.srv import FixBody
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from rafr.errors import RafrError
from rafr.nodes.or_outputs import DeviceOutputs
from rafr.simulation.arm_line import TICK
from rafr.simulation.drill import DrillingHand
from rafr.simulation.live import LivePlant


class PinService:
    """The surgeon's hand, with or without a tracked drill."""

    def __init__(
        self, node: Node, plant: LivePlant, hand: DrillingHand | None, outputs: DeviceOutputs
    ) -> None:
        self._plant, self._hand, self._outputs = plant, hand, outputs
        self._drilled: Any = None  # a future while the hand is at work
        # a group of its own: while it drills it would keep every other callback of its group out
        own = MutuallyExclusiveCallbackGroup()
        node.create_service(FixBody, "insert_pins", self._insert, callback_group=own)

    @property
    def busy(self) -> bool:
        """The hand drills."""
        return self._drilled is not None

    def tick(self, now: float) -> None:
        """Let the hand go on, and tell where the drill truly is."""
        if self._hand is None or self._drilled is None:
            return
        if self._hand.pass_time(TICK):
            self._drilled.set_result(None)
            self._drilled = None
        elif self._hand.T_ct_drill is not None:
            self._outputs.drill(now, self._hand.body, self._hand.T_ct_drill)

    async def _insert(self, request: Any, response: Any) -> Any:
        """Drilling takes simulated time; pins that are in already are not drilled for again."""
        plant, hand = self._plant, self._hand
        try:
            if hand is not None and not plant.steel_pins().get(request.body):
                hand.begin(request.body, plant.arrangement.hand_pins(request.body).pins)
                self._drilled = drilled = Future()
                await drilled
            plant.insert_pins(request.body)
            response.success, response.message = True, "done"
        except RafrError as error:
            response.success, response.message = False, str(error)
        return response
