"""What every node publishes, subscribes to, serves and calls, read from the source of `rafr.nodes`.

A node's entities are those made in its module and in the modules of `rafr.nodes` that this imports. Names are
worked out where they stand as text, constants or loops over them; the few that only a run knows stand in
`KNOWN`, and one that is in neither is an error.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

NODES = Path(__file__).resolve().parent.parent / "src" / "rafr" / "nodes"
PUBLISHES, SUBSCRIBES, SERVES, CALLS = "publishes", "subscribes", "serves", "calls"
SERVES_ACTION, CALLS_ACTION = "serves action", "calls action"
EVERYTHING = "*"


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """One publisher, subscription, server or client.

    Attributes:
        name: relative to the namespace, or with a slash in front.   type: as `std_msgs/String`.
        qos: in words; empty for services and actions.
    """

    role: str
    name: str
    type: str
    qos: str = ""


@dataclass(frozen=True, slots=True)
class _Call:
    """Where a call that makes an entity keeps its arguments (-1: nowhere); `fixed`: type and QoS of all."""

    role: str
    kind: int
    name: int
    qos: int = -1
    fixed: tuple[str, str] = ("", "")


_METHODS = {
    "create_publisher": _Call(PUBLISHES, 0, 1, 2),
    "create_subscription": _Call(SUBSCRIBES, 0, 1, 3),
    "create_service": _Call(SERVES, 0, 1),
    "create_client": _Call(CALLS, 0, 1),
    "offer_service": _Call(CALLS, 0, 1),
    "offer_action": _Call(CALLS_ACTION, 0, 1),
}
_CLASSES = {
    "ActionServer": _Call(SERVES_ACTION, 1, 2),
    "ActionClient": _Call(CALLS_ACTION, 1, 2),
    "WorkerAction": _Call(SERVES_ACTION, 1, 2),
    "LongGoal": _Call(SERVES_ACTION, 1, 2),
    "Latest": _Call(SUBSCRIBES, 1, 2, 3),
    "MarkerTopic": _Call(PUBLISHES, -1, 1, fixed=("visualization_msgs/MarkerArray", "latched")),
}
# makers of the above: what they make is told where they are called
_MAKERS = ("actions", "calls", "long_goal", "topics", "worker")
_TEN = "reliable 10"
_WRIST = "force_torque_sensor_broadcaster/wrench"  # `wrist.topic` of every arm's config/<arm>.yaml
_ARM_COMMANDS = (
    Entity(
        PUBLISHES, "joint_trajectory_controller/joint_trajectory", "trajectory_msgs/JointTrajectory", _TEN
    ),
    Entity(PUBLISHES, "forward_position_controller/commands", "std_msgs/Float64MultiArray", _TEN),
)
_DRAGGED, _HUNDRED = "visualization_msgs/InteractiveMarker", "reliable 100"
# (module, first two arguments of the call) -> what is made there
KNOWN: dict[tuple[str, str], tuple[Entity, ...]] = {
    ("markers", "MarkerArray, topic"): (),  # of `MarkerTopic`
    ("recorder", "message_type, topic"): (Entity(SUBSCRIBES, EVERYTHING, "as published", "as published"),),
    ("bench", "WrenchStamped, source.topic"): (
        Entity(PUBLISHES, _WRIST, "geometry_msgs/WrenchStamped", "sensor"),
    ),
    ("wrist", "WrenchStamped, wrist.topic"): (
        Entity(SUBSCRIBES, _WRIST, "geometry_msgs/WrenchStamped", "sensor"),
    ),
    ("arm_outputs", "*_STREAMS[stream], RELIABLE"): _ARM_COMMANDS,
    ("risk", "MuscleSignals, topic"): tuple(
        Entity(SUBSCRIBES, topic, "rafr_msgs/MuscleSignals", "sensor")
        for topic in ("emg", "assistant/emg", "assistant/imu")
    ),
    ("runtime", "msg_type, topic"): (),  # every node's own subscriptions pass there
    ("smoothed", "PoseWithCovarianceStamped, topic"): (
        Entity(PUBLISHES, "tracker/smoothed/*", "geometry_msgs/PoseWithCovarianceStamped", "sensor"),
    ),
    ("drag_server", "InteractiveMarkerUpdate, f'{name}/update'"): (
        Entity(PUBLISHES, "targets/update", f"{_DRAGGED}Update", _HUNDRED),
    ),
    ("drag_server", "GetInteractiveMarkers, f'{name}/get_interactive_markers'"): (
        Entity(SERVES, "targets/get_interactive_markers", "visualization_msgs/GetInteractiveMarkers"),
    ),
    ("drag_server", "InteractiveMarkerFeedback, f'{name}/feedback'"): (
        Entity(SUBSCRIBES, "targets/feedback", f"{_DRAGGED}Feedback", _HUNDRED),
    ),
    ("frames", "self._message, '/tf'"): (Entity(PUBLISHES, "/tf", "tf2_msgs/TFMessage", _HUNDRED),),
}


class UnknownNameError(Exception):
    """An entity whose name or type is neither in the source nor in `KNOWN`."""


def executables() -> tuple[str, ...]:
    """The console scripts that start a node (setup.py), and the console of `rafr sim`."""
    body = ast.parse((NODES.parents[2] / "setup.py").read_text(encoding="utf-8")).body
    named = {
        n.targets[0].id: n.value
        for n in body
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
    }
    return (*sorted(ast.literal_eval(named["NODES"])), "console")


def entities(executable: str) -> tuple[Entity, ...]:
    """Everything a node makes, sorted.

    Raises:
        UnknownNameError: the source does not say what one is called.
    """
    modules = {executable} if executable == "console" else {executable, "runtime"}
    todo = list(modules)
    while todo:
        for name in _imports(todo.pop()) - modules:
            modules.add(name)
            todo.append(name)
    return tuple(sorted({e for m in modules for e in _made_in(m)}))


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((NODES / f"{module}.py").read_text(encoding="utf-8"))


def _imports(module: str) -> set[str]:
    """Modules of `rafr.nodes` whose classes and functions a module uses, not other nodes."""
    found = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rafr.nodes."):
            found.add((node.module or "").rsplit(".", 1)[1])
    return found - set(_MAKERS) - {"runtime"}


@cache
def _made_in(module: str) -> tuple[Entity, ...]:
    if module in _MAKERS:
        return ()
    scopes = [n for n in ast.walk(_tree(module)) if isinstance(n, ast.FunctionDef)]
    return tuple(e for scope in scopes for e in _made_by(module, scope))


def _made_by(module: str, scope: ast.FunctionDef) -> Iterator[Entity]:
    """What the calls of one function make, with what its loops and assignments make of names."""
    bound = _bindings(scope)
    for call in (n for n in ast.walk(scope) if isinstance(n, ast.Call)):
        spec = _spec(call)
        if spec is None:
            continue
        known = KNOWN.get((module, ", ".join(ast.unparse(a) for a in call.args[:2])))
        if known is not None:
            yield from known
            continue
        loop: list[dict[str, ast.expr]] = bound.get(call, [])
        for row in loop or [{}]:
            yield _entity(module, call, spec, row)


def _spec(call: ast.Call) -> _Call | None:
    if isinstance(call.func, ast.Attribute):
        return _METHODS.get(call.func.attr)
    return _CLASSES.get(call.func.id) if isinstance(call.func, ast.Name) else None


def _bindings(scope: ast.FunctionDef) -> dict[ast.Call, list[dict[str, ast.expr]]]:
    """For each call, the values that the names around it take: one row per turn of a loop over a literal."""
    found: dict[ast.Call, list[dict[str, ast.expr]]] = {}
    assigned: dict[str, ast.expr] = {}
    for node in sorted(ast.walk(scope), key=lambda n: (getattr(n, "lineno", 0), getattr(n, "col_offset", 0))):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id] = node.value
        elif isinstance(node, ast.Call) and _spec(node) is not None and node not in found:
            found[node] = [dict(assigned)]
        elif isinstance(node, ast.For | ast.ListComp):
            target, source = (
                (node.target, node.iter)
                if isinstance(node, ast.For)
                else (node.generators[0].target, node.generators[0].iter)
            )
            source = assigned.get(source.id, source) if isinstance(source, ast.Name) else source
            if isinstance(source, ast.Tuple | ast.List):
                rows = [assigned | _unpacked(target, value) for value in source.elts]
                found |= {c: rows for c in ast.walk(node) if isinstance(c, ast.Call) and _spec(c) is not None}
    return found


def _unpacked(target: ast.expr, value: ast.expr) -> dict[str, ast.expr]:
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        return {t.id: v for t, v in pairs if isinstance(t, ast.Name)}
    return {}


def _entity(module: str, call: ast.Call, spec: _Call, row: dict[str, ast.expr]) -> Entity:
    def argument(position: int) -> ast.expr:
        given = call.args[position]
        return row.get(given.id, given) if isinstance(given, ast.Name) else given

    try:
        name = _value(module, argument(spec.name))
        kind, qos = spec.fixed
        kind = kind or _type_name(module, argument(spec.kind))
        qos = qos or (_qos(module, argument(spec.qos)) if spec.qos >= 0 else "")
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise UnknownNameError(f"rafr.nodes.{module}:{call.lineno}: {ast.unparse(call)}") from error
    if not isinstance(name, str):
        raise UnknownNameError(f"rafr.nodes.{module}:{call.lineno}: {ast.unparse(call)}")
    return Entity(spec.role, name, kind, qos)


def _value(module: str, given: ast.expr) -> Any:
    """A literal, or a constant of the module."""
    if isinstance(given, ast.Constant):
        return given.value
    if isinstance(given, ast.Name):
        return getattr(importlib.import_module(_origin(module, given.id) or f"rafr.nodes.{module}"), given.id)
    raise KeyError(ast.unparse(given))


def _type_name(module: str, given: ast.expr) -> str:
    """`package/Type` of a message, service or action class, from where it is imported."""
    if not isinstance(given, ast.Name):
        raise KeyError(ast.unparse(given))
    package = _origin(module, given.id).split(".")[0]
    if not package:
        raise KeyError(given.id)
    return f"{package}/{given.id}"


def _origin(module: str, name: str) -> str:
    """The module that a name is imported from; empty where it is not imported."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and any(a.name == name for a in node.names):
            return node.module or ""
    return ""


def _qos(module: str, given: ast.expr) -> str:
    """In words: latched, sensor, or reliable or best effort with the depth of the queue."""
    profile = _value(module, given)
    if isinstance(profile, int):
        return f"reliable {profile}"
    if profile.durability.name == "TRANSIENT_LOCAL":
        return "latched"
    if profile.reliability.name == "BEST_EFFORT":
        return "sensor"
    return f"reliable {profile.depth}"
