"""From the tracking device to tools one may believe: `tracker/tools`, /tf, and the reasons in diagnostics.

The driver `simulated` takes the device's frames from `tracker/raw`; every other one (docs/tracking.md) runs
in a thread of its own. A tool that is not trusted carries NaN, never an old pose.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time as Stamp
from rafr_msgs.msg import ToolPose, ToolPoses

from rafr.config import option
from rafr.geometry import RigidTransform
from rafr.nodes.convert import (
    invalid_pose_message,
    pose_message,
    seconds,
    time_message,
    transform_from_pose,
)
from rafr.nodes.frames import TfPublisher, frame_message
from rafr.nodes.runtime import ERROR, OK, SENSOR, WARN, RafrNode, run_node
from rafr.nodes.smoothed import SmoothedTools
from rafr.tracking.clock import ClockConfig, DeviceClock
from rafr.tracking.drivers.camera import CameraConfig
from rafr.tracking.drivers.choose import DriverConfigs, Time, make_driver
from rafr.tracking.drivers.frame import Reading
from rafr.tracking.drivers.ndi import NdiConfig
from rafr.tracking.drivers.openigtlink import OpenIGTLinkConfig
from rafr.tracking.drivers.reconnect import ReconnectConfig
from rafr.tracking.drivers.replay import ReplayConfig
from rafr.tracking.feed import FrameFeed
from rafr.tracking.filter import PoseFilterConfig
from rafr.tracking.gating import GateConfig, ToolGate, ToolState
from rafr.tracking.judge import ToolJudge
from rafr.tracking.names import ToolNames


@dataclass(frozen=True, slots=True)
class TrackerNodeConfig:
    driver: str = option(
        "simulated", "simulated (topic tracker/raw), openigtlink, openigtlink-server, ndi, camera or replay"
    )
    tools: str = option("", "device name=our name, separated by commas; empty: the device uses our names")
    silence: float = option(
        1.0, "wall time without a frame that is reported", unit="s", lower=0.05, upper=60.0
    )
    waiting_frames: int = option(
        64, "frames kept while the node is busy; older ones are lost", lower=1, upper=10_000
    )


class TrackerNode(RafrNode):
    """One gate for all tools; a frame in is a frame out, stamped with its exposure."""

    def __init__(self) -> None:
        super().__init__("tracker")
        self._config = self.config(TrackerNodeConfig)
        self._clock_of_device = DeviceClock(self.config(ClockConfig))
        self._names = ToolNames.parse(self._config.tools)
        self._judgement = ToolJudge(ToolGate(self.config(GateConfig)), self._names)
        self._smoothed = SmoothedTools(self, self.config(PoseFilterConfig))
        self._last_frame = self.steady_clock.now()
        self._publisher = self.create_publisher(ToolPoses, "tracker/tools", SENSOR)
        self._tf = TfPublisher(self)
        self._feed = self._connect()
        self.create_wall_timer(self._config.silence / 2, self._watch)
        self.set_ready()

    def close(self) -> None:
        if self._feed is not None:
            self._feed.close()

    # -- what arrives --------------------------------------------------------------------------------

    def _connect(self) -> FrameFeed | None:
        """The device's feed; None for the simulated one, which is a topic."""
        configs = DriverConfigs(
            openigtlink=self.config(OpenIGTLinkConfig),
            ndi=self.config(NdiConfig),
            camera=self.config(CameraConfig),
            replay=self.config(ReplayConfig),
            reconnect=self.config(ReconnectConfig),
        )
        if self._config.driver == "simulated":
            self.create_subscription(ToolPoses, "tracker/raw", self._raw, SENSOR)
            return None
        host = Time(self._now, time.monotonic, time.sleep)
        driver = make_driver(self._config.driver, configs, host, np.random.default_rng())
        feed = FrameFeed(driver, self._config.waiting_frames, self._wake)
        feed.start()
        return feed

    def _now(self) -> float:
        return 1e-9 * float(self.get_clock().now().nanoseconds)

    def _wake(self) -> None:
        """Called by the driver's thread: have the frames taken by the executor's."""
        executor = self.executor
        if executor is not None:  # before it spins, `_watch` will find what has come
            executor.create_task(self._drain)

    def _drain(self) -> None:
        for frame in self._feed.take() if self._feed is not None else ():
            stamp = self._clock_of_device.stamp(frame.device_time, frame.arrival)
            self._judge(time_message(stamp), frame.frame_number, frame.tools)

    def _raw(self, message: ToolPoses) -> None:
        readings = {
            t.name: Reading(_pose(t), t.error, "" if t.valid else "not visible") for t in message.tools
        }
        self._judge(message.header.stamp, message.frame_number, readings)

    # -- what is believed ----------------------------------------------------------------------------

    def _judge(self, stamp: Stamp, frame_number: int, tools: Mapping[str, Reading]) -> None:
        self._last_frame = self.steady_clock.now()
        now = self._now()
        verdict = self._judgement.judge(seconds(stamp), frame_number, tools, now)
        self._publish(stamp, frame_number, verdict.states)
        valid = verdict.valid
        self._tf.publish(frame_message("tracker", f"{n}_marker", T, stamp) for n, T in valid.items())
        noise = {n: r.covariance for n, r in verdict.readings.items() if r.covariance is not None}
        self._smoothed.add(seconds(stamp), now, valid, noise)
        self._report(verdict.states, verdict.swapped)

    def _publish(self, stamp: Stamp, frame_number: int, states: Mapping[str, ToolState]) -> None:
        tools = [_tool(state) for state in states.values()]
        message = ToolPoses(frame_number=frame_number % 2**32, tools=tools)
        message.header.stamp = stamp
        message.header.frame_id = "tracker"
        self._publisher.publish(message)

    # -- what is said --------------------------------------------------------------------------------

    def _report(self, states: Mapping[str, ToolState], swapped: Mapping[str, str]) -> None:
        lost = {name: state.reason for name, state in states.items() if not state.valid}
        lost |= dict.fromkeys(self._names.missing - states.keys(), "never delivered by the device")
        # names only in the text: reasons change with every frame, and a change is published at once
        said = []
        if swapped:
            said.append(f"names look swapped: {', '.join(sorted(swapped))}")
        if self._names.unknown:
            said.append(f"unknown to `tools`: {', '.join(sorted(self._names.unknown))}")
        if self._names.reversed_:
            said.append("`tools` may be the wrong way round (device name=our name)")
        if lost:
            said.append(f"not tracked: {', '.join(sorted(lost))}")
        level = ERROR if swapped else WARN if said else OK
        self.diagnose(level, "; ".join(said) or "all tools tracked", **lost, **self._facts())

    def _facts(self) -> dict[str, object]:
        """The device's clock, and every frame that was lost, by reason."""
        clock, feed = self._clock_of_device, self._feed
        if feed is None:
            return {}
        facts: dict[str, object] = {f"lost: {reason}": count for reason, count in feed.losses.items()}
        facts |= {"clock drift ppm": f"{clock.drift * 1e6:.1f}", "delay ms": f"{clock.delay * 1e3:.1f}"}
        if clock.restarts:
            facts["clock"] = f"learnt anew {clock.restarts} times, last: {clock.said}"
        return facts

    def _watch(self) -> None:
        if self._feed is not None and self._feed.failure is not None:
            self.failure = self._feed.failure
            return
        self._drain()
        silent = (self.steady_clock.now() - self._last_frame).nanoseconds * 1e-9
        if silent > self._config.silence:
            state = "" if self._feed is None else self._feed.state
            facts = {"seconds": f"{silent:.1f}", **({"device": state} if state else {}), **self._facts()}
            self.diagnose(WARN, "no frames from the tracking device", **facts)


def _pose(tool: ToolPose) -> RigidTransform | None:
    return transform_from_pose(tool.pose) if tool.valid else None


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
