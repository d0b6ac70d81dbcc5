"""What every node shares: parameters from a dataclass, heartbeat, diagnostics, a clean life."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rafr_msgs.msg import Heartbeat
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from rafr.config import check_config
from rafr.errors import InputError, RafrError, one_line
from rafr.nodes.complaints import complaint, wrong_frame
from rafr.nodes.domain import stay_on_this_machine
from rafr.processes import machine

ConfigT = TypeVar("ConfigT")

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
SENSOR = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)

HEARTBEAT_PERIOD = 0.2  # s, wall time
DIAGNOSTICS_PERIOD = 1.0  # s, wall time
_TOLD = 2.0  # s, wall time for which an unusable message is told
_LONGEST_TEXT = 1500  # characters


class _Unusable(NamedTuple):
    """Messages of one topic: why the last could not be used, how many, when (s, wall time)."""

    why: str
    times: int
    heard: float


class RafrNode(Node):
    """A node with heartbeat (`heartbeat`, wall time) and diagnostics (`/diagnostics`).

    Subclasses wire topics in `__init__` and call `self.set_ready()` when they can work.
    Timers that must go on while simulated time stands still use `self.create_wall_timer`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._system_clock = Clock(clock_type=ClockType.SYSTEM_TIME)
        self.failure: Exception | None = None
        """What ends the node; set in a callback, where raising would print a traceback as of a defect."""
        self._ready = False
        self._pid_space = machine()
        self._status: tuple[Any, str, dict[str, str]] = (STALE, "starting", {})
        self._unusable: dict[str, _Unusable] = {}
        self._heartbeat = self.create_publisher(Heartbeat, "heartbeat", 50)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_wall_timer(HEARTBEAT_PERIOD, self._beat)
        self.create_wall_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics)

    def create_wall_timer(self, period: float, callback: Callable[[], None]) -> Any:
        """A timer on steady time (s), whatever `use_sim_time` says."""
        return self.create_timer(period, callback, clock=self.steady_clock)

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Callable[[Any], None], qos_profile: Any, **options: Any
    ) -> Any:
        """As ROS's; what is wrong with a message (`rafr.nodes.complaints`) is said before it is taken."""

        def take(message: Any) -> None:
            wrong = wrong_frame(topic, message)
            why = wrong or complaint(message)
            if why:
                self._say_unusable(topic, why)
            if not wrong:
                callback(message)

        taken = callback if options.get("raw") else take
        return super().create_subscription(msg_type, topic, taken, qos_profile, **options)

    def config(self, config_type: type[ConfigT], live: Collection[str] = ()) -> ConfigT:
        """Declare every field of a config dataclass as a parameter and return the values, checked.

        They are read once: a change while the node runs is refused, but for those named in `live`, whose node
        judges it by itself.

        Raises:
            InputError: a value is of the wrong type or outside the field's bounds.
        """
        values: dict[str, Any] = {}
        for field in dataclasses.fields(config_type):  # type: ignore[arg-type]
            default = _default_of(field)
            if isinstance(default, tuple):
                default = list(default)
            try:
                described = _described(field, read_only=field.name not in live)
                value = self.declare_parameter(field.name, default, described).value
            except rclpy.exceptions.InvalidParameterTypeException:
                raise InputError(
                    f"node {self.get_name()}",
                    f"parameter {field.name} has the wrong type",
                    f"a value like {default!r}",
                ) from None
            values[field.name] = tuple(value) if isinstance(default, list) else value
        config = config_type(**values)
        check_config(config, f"node {self.get_name()}")
        return config

    def set_ready(self, ready: bool = True) -> None:
        self._ready = ready
        if self._status[1] == "starting":
            self.diagnose(OK, "ready")

    def diagnose(self, level: Any, message: str, **values: object) -> None:
        """State how the node does; published at once when level or message changes, else at 1 Hz."""
        message = one_line(message, _LONGEST_TEXT)
        changed = (level, message) != self._status[:2]
        self._status = (level, message, _texts(values))
        if changed:
            self._publish_diagnostics()
            if level != OK:
                self.get_logger().warning(message)

    def add_values(self, **values: object) -> None:
        """Numbers beside what was said last; they go out with the next diagnostics."""
        level, message, kept = self._status
        self._status = level, message, kept | _texts(values)

    def _say_unusable(self, topic: str, why: str) -> None:
        """Of a message: at once, in the diagnostics of the next seconds, and counted for good."""
        before, now = self._unusable.get(topic), time.monotonic()
        times = 1 if before is None else before.times + 1
        self._unusable[topic] = _Unusable(one_line(why), times, now)
        if before is None or now - before.heard > _TOLD:
            self._publish_diagnostics()
            self.get_logger().warning(f"{topic}: {why}")

    def _beat(self) -> None:
        message = Heartbeat(node=self.get_name(), ready=self._ready, pid=os.getpid(), machine=self._pid_space)
        message.header.stamp = self._system_clock.now().to_msg()
        self._heartbeat.publish(message)

    def _publish_diagnostics(self) -> None:
        level, text, values = self._status
        now = time.monotonic()
        fresh = {topic: u.why for topic, u in self._unusable.items() if now - u.heard <= _TOLD}
        if fresh:
            level = max(level, WARN)
            text = "; ".join([text, *(f"{topic} unusable: {why}" for topic, why in fresh.items())])
        values = values | {
            f"unusable {topic}": f"{u.times} times, last: {u.why}" for topic, u in self._unusable.items()
        }
        status = DiagnosticStatus(level=level, name=f"rafr/{self.get_name()}", message=text)
        status.values = [KeyValue(key=k, value=v) for k, v in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._system_clock.now().to_msg()
        self._diagnostics.publish(array)


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {one_line(key): one_line(str(value)) for key, value in values.items()}


def _default_of(field: Any) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise TypeError(f"config field {field.name} needs a default")


def _described(field: Any, read_only: bool) -> ParameterDescriptor:
    """What tools say of a parameter: its meaning, unit and bounds."""
    told = field.metadata
    bounds = [f"{name} {told[name]}" for name in ("lower", "upper") if told.get(name) is not None]
    text = ", ".join(filter(None, (told.get("doc", ""), told.get("unit", ""), *bounds)))
    return ParameterDescriptor(description=text, read_only=read_only)


def run_node(factory: Callable[[], RafrNode], argv: list[str] | None = None) -> int:
    """Make the node, spin it single-threaded until it is told to end, leave nothing behind.

    Returns:
        The exit code: 0 after SIGINT, SIGTERM or shutdown, 2 for bad parameters or input, 1 for a defect.
    """
    stay_on_this_machine()
    rclpy.init(args=argv)
    node: RafrNode | None = None
    code = 0
    try:
        node = factory()
        executor = EventsExecutor()  # a fifth of the other executors' cost at 100 Hz
        executor.add_node(node)
        while rclpy.ok():
            executor.spin_once(timeout_sec=0.5)  # its spin() forgets timers (rclpy 7.1.6)
            if node.failure is not None:
                raise node.failure
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RafrError as error:
        print(f"rafr: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        code = 2
    except Exception:
        if rclpy.ok():  # what an interrupt overtook in the middle of a callback is no defect
            traceback.print_exc()
            code = 1
    finally:
        if node is not None:
            close = getattr(node, "close", None)
            if close is not None:
                close()
            node.destroy_node()
        rclpy.try_shutdown()
    return code
