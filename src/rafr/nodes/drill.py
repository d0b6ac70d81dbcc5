"""How the tracked drill stands to the planned pins and screws: `tracker/tools` in, `drill/guidance` out.

One answer per frame of the tracker with a tool `drill`, stamped as the frame. What the frame does not show,
or a frame that is late or does not come, gives words without numbers.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rafr_msgs.msg import Registration, ToolPoses

from rafr.cases.meshes import body_meshes
from rafr.config import option
from rafr.fixation.implants.drilling import Drilling, Readout
from rafr.fixation.implants.guidance import DrillGuidance, TrackingError
from rafr.nodes.convert import seconds
from rafr.nodes.runtime import LATCHED, OK, RELIABLE, SENSOR, WARN, RafrNode, run_node
from rafr.nodes.work import case_of
from rafr.review.planned_pins import PlannedPins
from rafr.review.whereabouts import Whereabouts
from rafr.tracking.tools import DRILL_TOOL

_PERIOD = 0.1  # s, wall time between two looks for silence


@dataclass(frozen=True, slots=True)
class DrillNodeConfig:
    case: str = option("", "case folder")
    max_age: float = option(
        0.3, "of a frame, or without one, after which nothing is known", unit="s", lower=0.05, upper=2.0
    )


class DrillNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("drill")
        self._config = self.config(DrillNodeConfig)
        case = case_of(self._config.case)

        def complain(text: str) -> None:
            self.diagnose(WARN, text)

        pins = PlannedPins(case, body_meshes(case), complain)
        self._drilling = Drilling(case, pins.of, complain, self.config(TrackingError))
        self._where = Whereabouts()
        self._known, self._heard, self._stamp = False, 0.0, -1.0
        self._publisher = self.create_publisher(DiagnosticArray, "drill/guidance", RELIABLE)
        self.create_subscription(ToolPoses, "tracker/tools", self._frame, SENSOR)
        self.create_subscription(Registration, "registration", self._registered, LATCHED)
        self.create_wall_timer(_PERIOD, self._watch)
        self.set_ready()

    def _registered(self, message: Registration) -> None:
        """A registration that is not accepted, or was withdrawn, leads nobody."""
        self._where.take_registration(message if message.accepted else None)

    def _frame(self, message: ToolPoses) -> None:
        stamp = seconds(message.header.stamp)
        if stamp <= self._stamp and self._stamp - stamp < self._config.max_age:
            return  # overtaken by a later one, or repeated
        self._known = any(tool.name == DRILL_TOOL for tool in message.tools)
        if not self._known:
            return
        self._stamp, self._heard = stamp, time.monotonic()
        age = 1e-9 * self.get_clock().now().nanoseconds - stamp
        if age > self._config.max_age:
            self._say(message.header.stamp, Readout.without(f"the tracker's frame is {age:.1f} s old"))
            return
        self._where.take_tools(message)
        self._say(message.header.stamp, self._drilling.look(self._where.sighting()))

    def _watch(self) -> None:
        silent = time.monotonic() - self._heard
        if self._known and silent > self._config.max_age:
            stamp = self.get_clock().now().to_msg()
            self._say(stamp, Readout.without(f"no frame from the tracker for {silent:.1f} s"))

    def _say(self, stamp: Time, readout: Readout) -> None:
        status = DiagnosticStatus(name=readout.target or DRILL_TOOL, message=readout.text)
        status.level = DiagnosticStatus.OK if readout.sure else DiagnosticStatus.WARN
        status.hardware_id = readout.body
        if readout.guidance is not None:
            status.values = [KeyValue(key=k, value=v) for k, v in _values(readout.guidance).items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = stamp
        self._publisher.publish(message)
        if readout.guidance is not None:
            self.diagnose(OK, "guiding", to=readout.target)
        else:
            self.diagnose(WARN, "no guidance", reason=readout.text)


def _values(now: DrillGuidance) -> dict[str, str]:
    """m and rad, by the names of `DrillGuidance`."""
    names = ("to_entry", "off_axis", "off_axis_sd", "angle", "angle_sd", "depth", "depth_sd", "to_go")
    values = {name: f"{getattr(now, name):.6f}" for name in names}
    return values | {f"toward_{axis}": f"{v:.6f}" for axis, v in zip("xyz", now.toward, strict=True)}


def main() -> None:
    sys.exit(run_node(DrillNode))


if __name__ == "__main__":
    main()
