"""Pins and screws in the beam: straight cylinders of metal, as long as each ray runs in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rafr.cases.case import CASE_FILE, Case, SchantzPin
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.xray.attenuation import EFFECTIVE_KEV, METALS, linear_attenuation
from rafr.xray.projector import Window, shadow
from rafr.xray.view import View

_SCREW_KEYS = ("body", "head_mm", "tip_mm", "diameter_mm", "material")


@dataclass(frozen=True, slots=True, eq=False)
class Rod:
    """A solid cylinder with flat ends: axis from `start` to `end`, (3,) LPS mm."""

    start: FloatArray
    end: FloatArray
    diameter_mm: float
    material: str = "steel"

    @staticmethod
    def of_pin(pin: SchantzPin) -> Rod:
        """A Schantz pin (steel) from its outer end to its tip."""
        return Rod(pin.tail_mm, pin.entry_mm + pin.depth_mm * pin.direction, pin.diameter_mm)

    def moved(self, T: RigidTransform) -> Rod:
        return replace(self, start=T.apply(self.start), end=T.apply(self.end))


def project_rod(rod: Rod, view: View, kev: float = EFFECTIVE_KEV) -> Window:
    """−ln of what gets through the metal, where its shadow falls.

    What the metal takes the place of is not taken away: 2 % of steel's attenuation, 6 % of titanium's.
    """
    radius = 0.5 * rod.diameter_mm
    ends = np.stack([rod.start, rod.end])
    around = radius * np.array([[s * (a == b) for b in range(3)] for a in range(3) for s in (-1.0, 1.0)])
    column, row, width, height = shadow((ends[:, None] + around).reshape(-1, 3), view)
    u, v = np.meshgrid(column + np.arange(width), row + np.arange(height))
    directions = np.stack([u, v, np.ones_like(u)], axis=-1) @ view.rays.T
    length = path_in_rod(rod, view.source, directions) * linear_attenuation(rod.material, kev)
    return Window(column, row, length.astype(np.float32))


def path_in_rod(rod: Rod, source: FloatArray, directions: FloatArray) -> FloatArray:
    """(...,) mm that rays from a point (3,) along directions (..., 3), of any length, run inside."""
    axis = rod.end - rod.start
    length = float(np.linalg.norm(axis))
    axis = axis / length
    rays = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    along, start = rays @ axis, float((source - rod.start) @ axis)
    across = rays - along[..., None] * axis
    beside = (source - rod.start) - start * axis
    with np.errstate(divide="ignore", invalid="ignore"):
        # the round wall: |beside + t·across| = radius
        a, b = np.sum(across**2, axis=-1), across @ beside
        c = float(beside @ beside) - 0.25 * rod.diameter_mm**2
        root = np.sqrt(np.maximum(b * b - a * c, 0.0))
        parallel = a < 1e-18
        wall_in = np.where(parallel, -np.inf if c <= 0 else np.inf, (-b - root) / a)
        wall_out = np.where(parallel, np.inf if c <= 0 else -np.inf, (-b + root) / a)
        # the flat ends: 0 <= start + t·along <= length
        ends = np.sort(np.stack([-start / along, (length - start) / along]), axis=0)
        level = np.abs(along) < 1e-12
        between = 0.0 <= start <= length
        end_in = np.where(level, -np.inf if between else np.inf, ends[0])
        end_out = np.where(level, np.inf if between else -np.inf, ends[1])
    path: FloatArray = np.maximum(np.minimum(wall_out, end_out) - np.maximum(wall_in, end_in), 0.0)
    return path


def screws_of(case: Case) -> dict[str, tuple[Rod, ...]]:
    """The case's screws by the body whose CT coordinates they are given in; they hold it once it is reduced.

    Raises:
        InputError: a screw that is not described as docs/case_folder.md says; names it and the key.
    """
    screws: dict[str, tuple[Rod, ...]] = {}
    names = [body.name for body in case.bodies]
    for number, screw in enumerate(case.screws):
        body, rod = _screw(case.folder / CASE_FILE, f"screws[{number}]", screw, names)
        screws[body] = (*screws.get(body, ()), rod)
    return screws


def _screw(path: Path, where: str, screw: Mapping[str, Any], bodies: Sequence[str]) -> tuple[str, Rod]:
    unknown = [key for key in screw if key not in _SCREW_KEYS]
    if unknown:
        raise InputError(path, f"unknown key {where}.{unknown[0]!r}", f"one of {', '.join(_SCREW_KEYS)}")
    body, material = screw.get("body", bodies[0]), screw.get("material", "titanium")
    if body not in bodies:
        raise InputError(path, f"{where}.body is {body!r}", f"one of {', '.join(bodies)}")
    if material not in METALS:
        raise InputError(path, f"{where}.material is {material!r}", f"one of {', '.join(METALS)}")
    head, tip = (_point(path, f"{where}.{key}", screw.get(key)) for key in ("head_mm", "tip_mm"))
    if np.linalg.norm(tip - head) < 1.0:
        raise InputError(path, f"{where} is less than 1 mm long", "head_mm and tip_mm apart")
    diameter = screw.get("diameter_mm", 7.3)
    if isinstance(diameter, bool) or not isinstance(diameter, int | float) or not 1.0 <= diameter <= 15.0:
        raise InputError(path, f"{where}.diameter_mm is {diameter!r}", "a number from 1 to 15")
    return str(body), Rod(head, tip, float(diameter), str(material))


def _point(path: Path, where: str, value: Any) -> FloatArray:
    try:
        point = np.array(value, dtype=float)
    except (TypeError, ValueError):
        point = np.empty(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(path, f"{where} is {value!r}", "three finite numbers, LPS mm in the CT")
    return point
