"""A node of the graph in this process: its callbacks are found from the node itself and called one by one.

A damaged message must not raise, end the node or move anything; the node goes on and says why in one line.
"""

from __future__ import annotations

import importlib
import inspect
import math
import traceback
import warnings
import zlib
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import rclpy
from rclpy.action import ActionServer, GoalResponse
from rclpy.action.server import default_handle_accepted_callback
from rclpy.serialization import serialize_message
from rclpy.time import Time
from tests.boxes import box_case

from rafr.nodes.graph import GraphOptions, HardwareOptions, NodeSpec, build_graph
from rafr.nodes.runtime import RafrNode

from .message_mutations import damaged_message
from .sound_messages import SoundMessages
from .stand_ins import Browser, Goal, over_the_wire, stand_ins

_TICK = 0.01  # s, of the node's clock
_STEP = 0.06  # rad: what an arm's joint may be sent further in a tick (3 rad/s and some)
_REST = 1e-3  # rad
_LONGEST_LINE = 2000
_RESETS = ("service safety/reset", "service arm/reset", "service base/reset")
_LASTING = ("action MoveArm", "action DockBase", "action RunProcedure")
_WORK = 6  # trials until a node is set to work again
_ROUNDS = {"arm_controller": 15}  # of sound messages before a node is judged: it tares its wrench
# for speed and for the machine's sake
_PARAMETERS: dict[str, dict[str, Any]] = {
    "arm_controller": {"realtime_priority": 0},
    "trajectory": {"patience": 0.0},
    "or_simulator": {"idle_rate": 20.0, "lockstep_timeout": 0.0, "drill": False},
    "wrist": {"record": ""},
}


class Outcome(NamedTuple):
    """`defect`: what was wrong, or ""."""

    place: str
    mutation: str
    defect: str


class Callback(NamedTuple):
    """One way into a node: `call` takes what `make` made, damaged or not."""

    place: str
    make: Callable[[np.random.Generator, float], Any]
    call: Callable[[Any], None]


def executables(folder: Path) -> dict[str, NodeSpec]:
    """Every node that needs no Gazebo, on the case of boxes."""
    case = str(box_case(folder))
    rooms = (
        GraphOptions(case, str(folder), drill=True),
        GraphOptions(case, str(folder), hardware=HardwareOptions(mode="emulated")),
    )
    specs = {spec.executable: spec for room in rooms for spec in build_graph(room)}
    return {
        name: replace(
            spec, parameters={**spec.parameters, "use_sim_time": False, **_PARAMETERS.get(name, {})}
        )
        for name, spec in specs.items()
    }


class Driven:
    """A node, its callbacks, and what it has published since they were last called."""

    def __init__(self, spec: NodeSpec, folder: Path, seed: int, domain: int) -> None:
        """`domain`: of ROS, with nobody else in it."""
        self.name, self._seed = spec.executable, seed
        self.sound = SoundMessages(folder)
        self.now = 1000.0
        self._rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        self._damaging = self._moved = False
        self._problems: list[str] = []
        self._published: set[str] = set()
        self._sent: np.ndarray | None = None  # rad, to the arm
        self._pending: list[Coroutine[Any, Any, Any]] = []
        self.at_work = 0  # trials that met a goal under way
        self.said: Any = None  # the last diagnostics
        self.node: Any = None
        self._stack = ExitStack()
        self._begin(spec, domain)
        self._browser = self._look_at_the_page()
        self._clock = self.node.get_clock()
        self._clock._set_ros_time_is_active(True)
        self._pass_time()
        self._regular = self._published_in_every_round()

    def _begin(self, spec: NodeSpec, domain: int) -> None:
        """The node with its parameters as on a command line, and stand-ins for everything around it."""
        arguments = spec.arguments()
        rclpy.init(args=arguments[: arguments.index("--enclave")], domain_id=domain)
        self._stack.callback(rclpy.try_shutdown)
        try:
            self._stack.enter_context(stand_ins(self.answer, self.heard))
            self.node = _class_of(self.name)()
        except BaseException:
            self._stack.close()
            raise

    def _published_in_every_round(self) -> set[str]:
        found = []
        for _ in range(_ROUNDS.get(self.name, 4)):
            self._published.clear()
            self._sound_round()
            found.append(set(self._published))
        return set.intersection(*found[-3:])

    # -- what a node hears ---------------------------------------------------------------------------

    @property
    def callbacks(self) -> list[Callback]:
        """Subscriptions, services and actions as the node has them now; rclpy's own are not tried."""
        found = [self._topic(s) for s in self.node.subscriptions if not _of_rclpy(s.callback)]
        found += [self._service(s) for s in self.node.services if not _of_rclpy(s.callback)]
        found += [self._action(w) for w in self.node.waitables if isinstance(w, ActionServer)]
        return found

    def _topic(self, subscription: Any) -> Callback:
        topic = subscription.topic_name.removeprefix("/rafr/")
        raw = getattr(subscription, "raw", False)

        def call(message: Any) -> None:
            subscription.callback(serialize_message(message) if raw else message)

        return Callback(topic, lambda _, now: self.sound.message(topic, subscription.msg_type, now), call)

    def _service(self, service: Any) -> Callback:
        def call(request: Any) -> None:
            answer = service.callback(request, service.srv_type.Response())
            if inspect.iscoroutine(answer):
                answer = self._end_of(answer)
            if answer is not None:
                self._judge_answer(service.srv_name, answer)

        return Callback(
            f"service {service.srv_name}", lambda _, __: self.sound.request(service.srv_type), call
        )

    def _action(self, server: Any) -> Callback:
        name = f"action {server._action_type.__name__}"

        def call(request: Any) -> None:
            if server._goal_callback(request) != GoalResponse.ACCEPT:
                return
            goal = Goal(request)
            if server._handle_accepted_callback is default_handle_accepted_callback:
                result = self._end_of(server._execute_callback(goal))
                if result is not None:
                    self._judge_answer(name, result)
                return
            server._handle_accepted_callback(goal)
            if self._damaging and self._rng.random() < 0.1:
                goal.is_cancel_requested = True
                server._cancel_callback(goal)

        return Callback(name, lambda rng, now: self.sound.goal(server._action_type, rng, now), call)

    def _end_of(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Its result; None while it waits for what the next ticks bring."""
        for _ in range(20):
            try:
                coroutine.send(None)
            except StopIteration as end:
                return end.value
        self._pending.append(coroutine)
        return None

    # -- what it answers -----------------------------------------------------------------------------

    def answer(self, kind: Any) -> Any:
        """Of a server somewhere else: sound, or as often as not damaged while it is the node's turn."""
        sound = self.sound.answer(kind, self.now)
        if self._damaging and self._rng.random() < 0.5:
            return over_the_wire(damaged_message(sound, self._rng)[1])
        return sound

    def heard(self, topic: str, message: Any) -> None:
        """What the node publishes."""
        self._published.add(topic)
        if topic == "joint_trajectory_controller/joint_trajectory":
            self._judge_arm(np.array(message.points[0].positions))
        elif topic == "cmd_vel":
            self._judge_base(message.twist.linear.x, message.twist.angular.z)
        elif topic in ("wrench", "joint_states", "odom"):
            self._judge_measured(topic, message)
        elif topic == "/diagnostics":
            self._judge_words(message.status[0])

    def _judge_arm(self, q: np.ndarray) -> None:
        sent = self.sound.parked if self._sent is None else self._sent
        most = _STEP if self._moved or self._busy else _REST
        if not np.isfinite(q).all():
            self._problems.append("the arm is sent what is no number")
        elif np.abs(q - sent).max() > most:
            self._problems.append(f"the arm is sent {np.abs(q - sent).max():.3g} rad away")
        else:
            self._moved |= self._busy
            self._sent = self.sound.q = q

    def _judge_base(self, v: float, omega: float) -> None:
        if not (math.isfinite(v) and math.isfinite(omega)):
            self._problems.append("the base is sent what is no number")
        elif (abs(v) > 0.0 or abs(omega) > 0.0) and not self._busy:
            self._problems.append(f"the base is sent {v:g} m/s, {omega:g} rad/s without a goal")
        elif abs(v) > 0.5 or abs(omega) > 1.0:
            self._problems.append(f"the base is sent {v:g} m/s, {omega:g} rad/s")

    def _judge_measured(self, topic: str, message: Any) -> None:
        if topic == "joint_states":
            numbers: Any = [*message.position, *message.velocity]
        elif topic == "wrench":
            f, t = message.wrench.force, message.wrench.torque
            numbers = [f.x, f.y, f.z, t.x, t.y, t.z]
        else:
            p, q = message.pose.pose.position, message.pose.pose.orientation
            numbers = [p.x, p.y, q.z, q.w]
        if not np.isfinite(numbers).all():
            self._problems.append(f"{topic} holds what is no number")

    def _judge_words(self, status: Any) -> None:
        self.said = status
        for text in (status.message, *(word for v in status.values for word in (v.key, v.value))):
            if "\n" in text or len(text) > _LONGEST_LINE:
                self._problems.append(f"diagnostics of {len(text)} characters: {text[:60]!r}")

    @property
    def _busy(self) -> bool:
        goal = getattr(self.node, "_goal", None)
        return bool(goal is not None and goal.active)

    def _judge_answer(self, place: str, answer: Any) -> None:
        serialize_message(answer)
        text = getattr(answer, "message", "")
        if "\n" in text or len(text) > _LONGEST_LINE:
            self._problems.append(f"{place} answers {len(text)} characters: {text[:60]!r}")

    # -- driving -------------------------------------------------------------------------------------

    def trial(self, number: int) -> Outcome:
        """A damaged message in one of the callbacks, and then all sound ones; depends on seed and number."""
        rng = self._rng = np.random.default_rng([self._seed, zlib.crc32(self.name.encode()), number])
        callbacks = self.callbacks
        callback = callbacks[number % len(callbacks)]
        self._problems.clear()
        mutation = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                warnings.filterwarnings("ignore", "overflow")  # what is too much for a number is infinite
                if number % _WORK == 0:
                    self._set_to_work()
                self.at_work += self._busy
                self._damaging = True
                mutation, message = damaged_message(callback.make(rng, self.now), rng)
                message = over_the_wire(message)
                for _ in range(2 if rng.random() < 0.1 else 1):  # a duplicate
                    callback.call(message)
                self._turn()
                self._damaging = False
                self.node._paused = False  # of the simulated room: a sound request may have paused it
                self._published.clear()
                self._sound_round()
        except Exception as error:
            return Outcome(callback.place, mutation, _said(error))
        finally:
            self._damaging = False
        return Outcome(callback.place, mutation, self._verdict())

    def _verdict(self) -> str:
        failure = getattr(self.node, "failure", None)
        if failure is not None:
            self.node.failure = None
            return f"it ends: {failure}"
        silent = self._regular - self._published
        if silent:
            return f"it publishes no more: {', '.join(sorted(silent))}"
        return self._problems[0] if self._problems else ""

    def _sound_round(self) -> None:
        """Every topic once, and every timer."""
        for callback in self.callbacks:
            if not callback.place.startswith(("service", "action")):
                callback.call(over_the_wire(callback.make(self._rng, self.now)))
        self._turn()

    def _turn(self) -> None:
        self._pass_time()
        for timer in list(self.node.timers):
            timer.callback()
        if hasattr(self.node, "tick"):
            self.node.tick(SimpleNamespace(spin_once=lambda timeout_sec: None))
        for coroutine in list(self._pending):
            self._pending.remove(coroutine)
            self._end_of(coroutine)

    def _pass_time(self) -> None:
        self.now += _TICK
        self._clock.set_ros_time_override(
            Time(nanoseconds=round(1e9 * self.now), clock_type=self._clock.clock_type)
        )

    def _set_to_work(self) -> None:
        """What a person does after a stop; then something that lasts, so that damage meets it, too."""
        wanted = [c for place in (*_RESETS, *_LASTING) for c in self.callbacks if c.place == place]
        if wanted:
            self._sound_round()
        for callback in wanted:
            callback.call(over_the_wire(callback.make(self._rng, self.now)))

    def _look_at_the_page(self) -> Browser | None:
        page = getattr(self.node, "_page", None)
        if page is None:
            return None
        browser = Browser()
        page._enter(browser)
        return browser

    def close(self) -> None:
        for coroutine in self._pending:
            coroutine.close()
        getattr(self.node, "close", lambda: None)()
        if self._browser is not None:
            self._browser.server.stop()
        self.node.destroy_node()
        self._stack.close()


def _class_of(executable: str) -> Callable[[], Any]:
    module = importlib.import_module(f"rafr.nodes.{executable}")
    kinds = [k for k in vars(module).values() if inspect.isclass(k) and issubclass(k, RafrNode)]
    (kind,) = [k for k in kinds if k.__module__ == module.__name__]
    return kind


def _of_rclpy(callback: Any) -> bool:
    return (getattr(callback, "__module__", "") or "").startswith("rclpy")


def _said(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)
    ours = next((f for f in reversed(place) if "/rafr/" in f.filename), place[-1])
    where = f"{Path(ours.filename).name}:{ours.lineno}"
    return f"{type(error).__name__} at {where}: {' '.join(str(error)[:150].split())}"


__all__ = ["Driven", "Outcome", "executables"]
