"""The reduction plan: target and path of every moving body, and the hash that an approval names."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from rafr.assessment import Assessment
from rafr.errors import RafrError
from rafr.geometry import Plane, RigidTransform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PathPose:
    """One pose of a body on its way, in the reference body's CT frame.

    Attributes:
        T_path_displaced: LPS mm; maps the body's CT coordinates to where they are at this pose.
        clearance_mm: smallest distance to every other body; negative = overlap.
        force_n: predicted magnitude of the force the arm holds (tissue, traction, contact).
        torque_nm: predicted magnitude of the torque it holds, about the body's centroid.
        traction_n: tension of the leg's cord here, for which this holds; None: no cord pulls at this body.
        wrench: (6,) N, N m on the body, predicted: force, and torque about its centroid, in the reference
            body's CT axes; None: not predicted.
    """

    T_path_displaced: RigidTransform
    clearance_mm: float
    force_n: float
    torque_nm: float
    traction_n: float | None = None
    wrench: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        optional: dict[str, Any] = {} if self.traction_n is None else {"traction_n": self.traction_n}
        if self.wrench is not None:
            optional["wrench"] = list(self.wrench)
        return {
            "T_path_displaced": self.T_path_displaced.tolist(),
            "clearance_mm": self.clearance_mm,
            "force_n": self.force_n,
            "torque_nm": self.torque_nm,
            **optional,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> PathPose:
        return PathPose(
            RigidTransform.from_matrix(data["T_path_displaced"]),
            _number(data["clearance_mm"]),
            _magnitude(data["force_n"]),
            _magnitude(data["torque_nm"]),
            _optional(data, "traction_n", _magnitude),
            _optional(data, "wrench", _six),
        )


@dataclass(frozen=True, slots=True)
class PathSummary:
    """What a path costs. Force, torque and work are the arm's: soft tissue, traction and contact together.

    Attributes:
        work_j: put in or taken out along the way.
        min_clearance_mm: smallest distance to other bone; negative = overlap.
        peak_tissue_n, peak_contact_n: largest force of the soft tissue alone, and of bone on bone alone.
    """

    peak_force_n: float
    peak_torque_nm: float
    work_j: float
    min_clearance_mm: float
    peak_tissue_n: float
    peak_contact_n: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> PathSummary:
        return PathSummary(**{f.name: _number(data[f.name]) for f in fields(PathSummary)})


@dataclass(frozen=True, slots=True)
class StraightPath:
    """The path without planning: the centroid goes straight, the body turns the shortest way.

    Attributes:
        summary: what it would cost, by the same model, with the traction the case prescribes all along.
        clearance_mm, force_n: along it, at equal steps.
    """

    summary: PathSummary
    clearance_mm: tuple[float, ...]
    force_n: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        curves = {"clearance_mm": list(self.clearance_mm), "force_n": list(self.force_n)}
        return {**self.summary.to_json(), **curves}

    @staticmethod
    def from_json(data: dict[str, Any]) -> StraightPath:
        clearance, force = (tuple(_number(v) for v in data[k]) for k in ("clearance_mm", "force_n"))
        return StraightPath(PathSummary.from_json(data), clearance, force)


@dataclass(frozen=True, slots=True)
class BodyPlan:
    """Target and path of one moving body.

    Attributes:
        T_reduced_displaced: LPS mm; `p_reduced = T_reduced_displaced.apply(p_displaced)`.
        expected_error_mm: expected mean error of the target over the body's surface.
        before, after: metrics by name (planning.metrics) as displaced and as planned.
        path: from the start pose (as last measured) to `T_reduced_displaced`, both included.
        path_summary: what it costs.   straight_path: what the straight one would.
    """

    name: str
    labels: tuple[int, ...]
    T_reduced_displaced: RigidTransform
    expected_error_mm: float
    before: dict[str, Any]
    after: dict[str, Any]
    path: tuple[PathPose, ...]
    path_summary: PathSummary | None = None
    straight_path: StraightPath | None = None

    @property
    def traction_n(self) -> tuple[float, ...] | None:
        """Tension of the leg's cord at every pose of the path; None: as the case prescribes."""
        along = tuple(p.traction_n for p in self.path if p.traction_n is not None)
        return along if along and len(along) == len(self.path) else None


@dataclass(frozen=True, slots=True)
class SymmetryPlane:
    """The pelvis's plane of symmetry (LPS mm) and the rms it leaves on the intact anatomy."""

    plane: Plane
    rms_mm: float


@dataclass(frozen=True, slots=True)
class ReductionPlan:
    """Everything a surgeon approves. `order` names the moving bodies in the order of reduction."""

    case_id: str
    method: str
    bodies: tuple[BodyPlan, ...]
    symmetry_plane: SymmetryPlane
    order: tuple[str, ...]
    assessment: Assessment
    seconds: float = field(compare=False)

    def body(self, name: str) -> BodyPlan:
        return next(b for b in self.bodies if b.name == name)

    @property
    def hash(self) -> str:
        """SHA-256 over all that decides motion: case, order, targets, paths (1e-6 mm), traction (1e-6 N)."""
        content: dict[str, Any] = {
            "case": self.case_id,
            "order": self.order,
            "bodies": {
                b.name: [_rounded(t) for t in (b.T_reduced_displaced, *(p.T_path_displaced for p in b.path))]
                for b in self.bodies
            },
        }
        traction = {
            b.name: [round(n, 6) for n in b.traction_n] for b in self.bodies if b.traction_n is not None
        }
        if traction:
            content["traction"] = traction
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case_id,
            "method": self.method,
            "hash": self.hash,
            "bodies": {
                b.name: {
                    "labels": list(b.labels),
                    "T_reduced_displaced": b.T_reduced_displaced.tolist(),
                    "expected_error_mm": b.expected_error_mm,
                    "before": b.before,
                    "after": b.after,
                    "path": [p.to_json() for p in b.path],
                    **_extras(b),
                }
                for b in self.bodies
            },
            "symmetry_plane": {
                "point": self.symmetry_plane.plane.point.tolist(),
                "normal": self.symmetry_plane.plane.normal.tolist(),
                "rms_mm": self.symmetry_plane.rms_mm,
            },
            "order": list(self.order),
            "assessment": self.assessment.to_json(),
            "seconds": self.seconds,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> ReductionPlan:
        """The plan of a JSON object as `to_json` makes it.

        Raises:
            RafrError: something is missing or of the wrong kind; a foreign plan never half-loads.
        """
        try:
            return ReductionPlan._from_json(data)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise RafrError(f"not a reduction plan ({type(error).__name__}: {error})") from None

    @staticmethod
    def _from_json(data: dict[str, Any]) -> ReductionPlan:
        bodies = tuple(
            BodyPlan(
                name=name,
                labels=tuple(_label(v) for v in b["labels"]),
                T_reduced_displaced=RigidTransform.from_matrix(b["T_reduced_displaced"]),
                expected_error_mm=_magnitude(b["expected_error_mm"]),
                before=_metrics(b["before"]),
                after=_metrics(b["after"]),
                path=tuple(PathPose.from_json(p) for p in b["path"]),
                path_summary=_optional(b, "path_summary", PathSummary.from_json),
                straight_path=_optional(b, "straight_path", StraightPath.from_json),
            )
            for name, b in data["bodies"].items()
        )
        symmetry = data["symmetry_plane"]
        return ReductionPlan(
            case_id=_text(data["case"]),
            method=_text(data["method"]),
            bodies=bodies,
            symmetry_plane=SymmetryPlane(
                Plane(np.array(symmetry["point"]), np.array(symmetry["normal"])),
                _magnitude(symmetry["rms_mm"]),
            ),
            order=_names(data["order"]),
            assessment=Assessment.from_json(data["assessment"]),
            seconds=_magnitude(data["seconds"]),
        )


def _extras(body: BodyPlan) -> dict[str, Any]:
    """What a plan may do without."""
    extras: dict[str, Any] = {}
    if body.path_summary is not None:
        extras["path_summary"] = body.path_summary.to_json()
    if body.straight_path is not None:
        extras["straight_path"] = body.straight_path.to_json()
    return extras


def _optional(data: dict[str, Any], key: str, read: Callable[[Any], T]) -> T | None:
    return None if data.get(key) is None else read(data[key])


def _six(values: Any) -> tuple[float, ...]:
    six = tuple(_number(v) for v in values)
    if len(six) != 6:
        raise ValueError(f"a wrench has {len(six)} numbers, not 6")
    return six


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _magnitude(value: Any) -> float:
    if (number := _number(value)) < 0.0:
        raise ValueError(f"{number:g} is negative")
    return number


def _label(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is no label of bone")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _metrics(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no mapping of metrics")
    return value


def _names(values: Any) -> tuple[str, ...]:
    names = tuple(_text(v) for v in values) if isinstance(values, list) else ()
    if not isinstance(values, list) or len(set(names)) < len(names):
        raise ValueError(f"the order {values!r} is no list of bodies, each once")
    return names


def _rounded(transform: RigidTransform) -> list[list[float]]:
    # adding 0.0 turns -0.0 into 0.0, which would otherwise hash differently
    rounded: list[list[float]] = (np.round(transform.matrix, 6) + 0.0).tolist()
    return rounded
