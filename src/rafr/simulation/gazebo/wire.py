"""What travels between Gazebo and the plant outside: JSON texts, exact to the last bit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from rafr.cases.case import SchantzPin
from rafr.errors import InfeasibleError, InputError, RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.gazebo.names import LINKS
from rafr.simulation.plant import Plant, PlantError, PlantTruth

# what may be asked for from outside, and nothing else
CALLS = frozenset(
    (
        "command_joints", "stop_arm", "command_base", "set_brakes", "set_holding", "set_traction",
        "set_clamp", "fix_body", "insert_pins", "break_traction", "slip_traction",
        "stick_joint", "loosen_pins", "break_pin", "surge_traction", "stiffen_tissue", "tether", "slip_base",
        "cords",
    )
)  # fmt: skip
_ANSWERING = frozenset(("set_traction", "set_clamp"))


@dataclass(frozen=True, slots=True, eq=False)
class RoomState:
    """The room after a tick; SI.

    Attributes:
        stamp_ms: Gazebo's clock.   q, qd: of the arm.   base: x, y, theta.
        links: `T_world_link`.   bodies: `T_world_ct`.   pins: where they truly are.
    """

    stamp_ms: int
    q: FloatArray
    qd: FloatArray
    base: FloatArray
    v: float
    omega: float
    links: dict[str, RigidTransform]
    bodies: dict[str, RigidTransform]
    truth: PlantTruth
    pins: dict[str, tuple[SchantzPin, ...]]
    clamped: str | None
    resting: bool


def state_of(plant: Plant, stamp_ms: int) -> dict[str, Any]:
    """The room now, to be written."""
    (q, qd), (base, v, omega), truth = plant.joint_state(), plant.base_state(), plant.truth()
    return {
        "stamp_ms": stamp_ms,
        "q": q.tolist(),
        "qd": qd.tolist(),
        "base": base.tolist(),
        "v": v,
        "omega": omega,
        "links": {name: plant.world_from(name).matrix.tolist() for name in LINKS},
        "bodies": {name: plant.world_from_ct(name).matrix.tolist() for name in plant.arrangement.inertias},
        "truth": {
            "poses": {name: T.matrix.tolist() for name, T in truth.poses.items()},
            "wrench": truth.wrench.tolist(),
            "traction": truth.traction,
            "contact": truth.contact,
        },
        "pins": {name: [_pin(p) for p in pins] for name, pins in plant.steel_pins().items()},
        "clamped": plant.clamped,
        "resting": plant.resting,
    }


def state_from(data: dict[str, Any]) -> RoomState:
    """The room as it was written."""
    truth = data["truth"]
    return RoomState(
        stamp_ms=int(data["stamp_ms"]),
        q=np.array(data["q"]),
        qd=np.array(data["qd"]),
        base=np.array(data["base"]),
        v=float(data["v"]),
        omega=float(data["omega"]),
        links=_transforms(data["links"]),
        bodies=_transforms(data["bodies"]),
        truth=PlantTruth(
            _transforms(truth["poses"]),
            np.array(truth["wrench"]),
            float(truth["traction"]),
            float(truth["contact"]),
        ),
        pins={name: tuple(_pin_from(p) for p in pins) for name, pins in data["pins"].items()},
        clamped=data["clamped"],
        resting=bool(data["resting"]),
    )


def call(plant: Plant, name: str, arguments: list[Any]) -> Any:
    """Do what was asked for; the answer as JSON.

    Raises:
        InputError: nothing of that name may be asked for.
    """
    if name not in CALLS:
        raise InputError("request", f"{name!r} is unknown", f"one of {', '.join(sorted(CALLS))}")
    if name == "command_joints":
        arguments = [np.array(arguments[0], dtype=float)]
    answer = getattr(plant, name)(*arguments)
    if name == "cords":
        return {kind: [c.segments.tolist(), c.tensions.tolist()] for kind, c in answer.items()}
    return answer if name in _ANSWERING else None


def error_of(error: RafrError) -> dict[str, Any]:
    """An error, to be raised again on the other side."""
    if isinstance(error, InputError):
        return {"kind": "input", "parts": [error.source, error.problem, error.expected]}
    if isinstance(error, InfeasibleError):
        return {"kind": "infeasible", "parts": list(error.reasons)}
    return {"kind": "plant", "parts": [str(error)]}


def error_from(data: dict[str, Any]) -> RafrError:
    parts = data["parts"]
    if data["kind"] == "input":
        return InputError(*parts)
    if data["kind"] == "infeasible":
        return InfeasibleError(tuple(parts))
    return PlantError(*parts)


def _transforms(data: dict[str, Any]) -> dict[str, RigidTransform]:
    found = {}
    for name, rows in data.items():
        matrix = np.array(rows)
        found[name] = RigidTransform(matrix[:3, :3], matrix[:3, 3])
    return found


def _pin(pin: SchantzPin) -> dict[str, Any]:
    values = {f.name: getattr(pin, f.name) for f in fields(SchantzPin)}
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}


def _pin_from(data: dict[str, Any]) -> SchantzPin:
    values: dict[str, Any] = {k: np.array(v) if isinstance(v, list) else v for k, v in data.items()}
    return SchantzPin(**values)
