"""What only a simulated case knows. The simulator and the final measurement may read it, nobody else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rafr.cases.case import TRUTH_FILE, Case
from rafr.errors import InputError, RafrError
from rafr.files import written_whole
from rafr.foreign import read_json
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """How far a body was displaced: over its surface (mean and largest, mm) and turned (degrees)."""

    mean_mm: float
    max_mm: float
    angle_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true transforms of a simulated case, LPS mm.

    Attributes:
        T_reduced_displaced: per moving body; takes it from where the CT shows it to where it belongs.
        T_cbct_ct: per body; takes its CT coordinates to where the CBCT shows it.
        T_cbct_marker: pose of the reference tool's fiducial frame in the CBCT.
        landmarks_mm: name to (3,) position on the intact pelvis, in the reference body's CT frame.
        fracture: the kind.   seed: what the case was made from.
        displacement: per moving body.
    """

    T_reduced_displaced: dict[str, RigidTransform]
    T_cbct_ct: dict[str, RigidTransform]
    T_cbct_marker: RigidTransform
    landmarks_mm: dict[str, FloatArray] = field(default_factory=dict)
    fracture: str = ""
    seed: int = 0
    displacement: dict[str, Displacement] = field(default_factory=dict)


def write_truth(path: Path, truth: Truth) -> None:
    """Write `truth.json` (atomically)."""
    data = {
        "fracture": truth.fracture,
        "seed": truth.seed,
        "T_reduced_displaced": {name: t.tolist() for name, t in truth.T_reduced_displaced.items()},
        "T_cbct_ct": {name: t.tolist() for name, t in truth.T_cbct_ct.items()},
        "T_cbct_marker": truth.T_cbct_marker.tolist(),
        "landmarks_mm": {name: np.round(p, 4).tolist() for name, p in truth.landmarks_mm.items()},
        "displacement": {
            name: {"mean_mm": d.mean_mm, "max_mm": d.max_mm, "angle_deg": d.angle_deg}
            for name, d in truth.displacement.items()
        },
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_truth(source: Case | Path | str) -> Truth:
    """Read the truth of a case, a case folder or a `truth.json`.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = source.truth_path if isinstance(source, Case) else Path(source)
    path = path / TRUTH_FILE if path.is_dir() else path
    if not path.is_file():
        raise InputError(path, "no such file", "the truth of a simulated case (real cases have none)")
    expected = "the file as `rafr case simulate` writes it"
    data = read_json(path, expected)
    try:
        return Truth(
            T_reduced_displaced=_transforms(data["T_reduced_displaced"]),
            T_cbct_ct=_transforms(data["T_cbct_ct"]),
            T_cbct_marker=RigidTransform.from_matrix(data["T_cbct_marker"]),
            landmarks_mm={k: _place(v) for k, v in data["landmarks_mm"].items()},
            fracture=str(data["fracture"]),
            seed=int(data["seed"]),
            displacement={k: Displacement(**v) for k, v in data["displacement"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RafrError) as error:
        raise InputError(path, f"damaged ({type(error).__name__}: {error})", expected) from None


def _place(value: Any) -> FloatArray:
    place = np.array(value, dtype=float)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(f"{value!r} is no place")
    return place


def _transforms(data: dict[str, Any]) -> dict[str, RigidTransform]:
    return {name: RigidTransform.from_matrix(matrix) for name, matrix in data.items()}
