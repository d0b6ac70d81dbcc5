"""Gates what the tracking device says: `tracker/raw` in, `tracker/tools` out, reasons in diagnostics.

The driver `simulated` takes the device's frames from `tracker/raw`; a real device's driver publishes the
same message. A tool that is not trusted carries NaN, never an old pose.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rafr_msgs.msg import ToolPose, ToolPoses

from rafr.config import option
from rafr.errors import InputError
from rafr.nodes.convert import invalid_pose_message, pose_message, seconds, transform_from_pose
from rafr.nodes.runtime import OK, SENSOR, WARN, RafrNode, run_node
from rafr.tracking.gating import GateConfig, ToolGate, ToolSample, ToolState

DRIVERS = ("simulated",)


@dataclass(frozen=True, slots=True)
class TrackerNodeConfig:
    driver: str = option("simulated", "where frames come from: simulated = topic tracker/raw")
    silence: float = option(1.0, "wall time without a frame that is reported", unit="s", lower=0.05)


class TrackerNode(RafrNode):
    """One gate for all tools; a frame in is a frame out, with the device's own stamp."""

    def __init__(self) -> None:
        super().__init__("tracker")
        self._config = self.config(TrackerNodeConfig)
        if self._config.driver not in DRIVERS:
            raise InputError("tracker", f"driver is {self._config.driver!r}", f"one of {', '.join(DRIVERS)}")
        self._gate = ToolGate(self.config(GateConfig))
        self._last_frame = self.steady_clock.now()
        self._publisher = self.create_publisher(ToolPoses, "tracker/tools", SENSOR)
        self.create_subscription(ToolPoses, "tracker/raw", self._frame, SENSOR)
        self.create_wall_timer(self._config.silence / 2, self._watch)
        self.set_ready()

    def _frame(self, message: ToolPoses) -> None:
        self._last_frame = self.steady_clock.now()
        stamp = seconds(message.header.stamp)
        samples = [_sample(tool, stamp, message.frame_number) for tool in message.tools]
        now = 1e-9 * self.get_clock().now().nanoseconds
        states = self._gate.update(samples, now)
        self._publisher.publish(
            ToolPoses(
                header=message.header,
                frame_number=message.frame_number,
                tools=[_tool(state) for state in states.values()],
            )
        )
        self._report(states)

    def _report(self, states: dict[str, ToolState]) -> None:
        lost = {name: state.reason for name, state in states.items() if not state.valid}
        if lost:
            # names only in the text: reasons change with every frame, and a change is published at once
            self.diagnose(WARN, f"not tracked: {', '.join(sorted(lost))}", **lost)
        else:
            self.diagnose(OK, "all tools tracked", tools=", ".join(states))

    def _watch(self) -> None:
        silent = (self.steady_clock.now() - self._last_frame).nanoseconds * 1e-9
        if silent > self._config.silence:
            self.diagnose(WARN, "no frames from the tracking device", seconds=f"{silent:.1f}")


def _sample(tool: ToolPose, stamp: float, frame_number: int) -> ToolSample:
    pose = transform_from_pose(tool.pose)
    return ToolSample(tool.name, stamp, frame_number, pose, tool.error, tool.valid)


def _tool(state: ToolState) -> ToolPose:
    pose = state.T_tracker_tool
    return ToolPose(
        name=state.name,
        valid=pose is not None,
        pose=invalid_pose_message() if pose is None else pose_message(pose),
        error=state.error,
    )


def main() -> None:
    sys.exit(run_node(TrackerNode))


if __name__ == "__main__":
    main()
