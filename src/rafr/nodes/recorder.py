"""Records every topic of the graph as it appears, raw, into an MCAP file."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rafr_msgs
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from rafr.config import option
from rafr.errors import InputError
from rafr.nodes.graph import NAMESPACE
from rafr.nodes.runtime import OK, WARN, RafrNode, run_node
from rafr.review.recording import Recording, next_recording, typestore

_DEPTH = 100  # messages waiting while the recorder is busy
_FOREVER = QosTime(2**31 - 1, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class RecorderConfig:
    out: str = option("", "folder in which the folder `recording` is made (or `recording_2`, …)")
    # the simulator draws its tissue only while somebody looks: the recorder does not
    exclude: tuple[str, ...] = option(
        (
            "/clock",
            "/rosout",
            "/parameter_events",
            f"{NAMESPACE}/markers",
            f"{NAMESPACE}/simulation/tissue",
        ),
        "topics left out",
    )
    look: float = option(0.5, "wall time between looks for new topics", unit="s", lower=0.05, upper=60.0)
    flush: float = option(
        1.0, "wall time between flushes: what a crash may cost", unit="s", lower=0.05, upper=60.0
    )


class RecorderNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("recorder")
        self._config = self.config(RecorderConfig)
        if not self._config.out:
            raise InputError("recorder", "parameter out is empty", "a folder for the recording")
        folder = next_recording(Path(self._config.out))
        self._recording = Recording(folder, typestore([rafr_messages()]))
        self._seen: set[str] = set(self._config.exclude)
        self._unknown: list[str] = []
        self._broken = ""
        self.create_wall_timer(self._config.look, self._look)
        self.create_wall_timer(self._config.flush, self._flush)
        self._look()
        self.set_ready()

    def _look(self) -> None:
        for topic, types in self.get_topic_names_and_types():
            hidden = "/_" in topic  # of actions: their results are seen on the topics
            if topic not in self._seen and not hidden and self.get_publishers_info_by_topic(topic):
                self._seen.add(topic)
                self._record(topic, types[0])

    def _record(self, topic: str, type_name: str) -> None:
        message_type = _import(type_name)
        if message_type is None or not self._recording.knows(type_name):
            self._unknown.append(f"{topic} ({type_name})")
            self.diagnose(WARN, f"not recorded: {', '.join(self._unknown)}")
            return
        offered = [info.qos_profile for info in self.get_publishers_info_by_topic(topic)]
        qos = _matching(offered)
        self._recording.add(topic, type_name, [_bag_qos(qos)])
        self.create_subscription(message_type, topic, self._writer(topic), qos, raw=True)

    def _writer(self, topic: str) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            if not self._broken:
                self._on_disk(lambda: self._recording.write(topic, time.time_ns(), data))

        return write

    def _on_disk(self, work: Callable[[], None]) -> None:
        """Where the disk takes no more, what was written stays, and it is said."""
        try:
            work()
        except OSError as error:
            self._broken = f"nothing more is recorded: {error.strerror or error}"
            self.diagnose(WARN, self._broken)

    def _flush(self) -> None:
        if not self._broken:
            self._on_disk(self._recording.flush)
        if not self._unknown and not self._broken:
            self.diagnose(OK, "recording", messages=self._recording.count)

    def close(self) -> None:
        self._on_disk(self._recording.close)


def rafr_messages() -> Path:
    """The folder of rafr_msgs' .msg files, found from where its Python package is installed."""
    for prefix in Path(rafr_msgs.__file__).resolve().parents:
        folder = prefix / "share" / "rafr_msgs" / "msg"
        if folder.is_dir():
            return folder
    raise InputError("rafr_msgs", "share/rafr_msgs/msg not found", "rafr_msgs installed with its messages")


def _import(type_name: str) -> Any:
    package, _, name = type_name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None


def _matching(offered: list[QoSProfile]) -> QoSProfile:
    """The strongest profile that still matches every publisher."""
    reliable = all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
    latched = all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
    return QoSProfile(
        depth=_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        history=HistoryPolicy.KEEP_LAST,
    )


def _bag_qos(qos: QoSProfile) -> Qos:
    reliable = qos.reliability == ReliabilityPolicy.RELIABLE
    latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=qos.depth,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


def main() -> None:
    sys.exit(run_node(RecorderNode))


if __name__ == "__main__":
    main()
