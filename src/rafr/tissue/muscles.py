"""Muscles round the pelvis: published parameters, and what they become in a patient.

Model frames are OpenSim's (x anterior, y up, z right, m); a patient's are LPS mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.resources import resource_path
from rafr.tissue.tension import TensionLaw

# Thelen 2003 (J Biomech Eng 125:70), young adults
PASSIVE_SHAPE, PASSIVE_STRAIN = 4.0, 0.6
ACTIVE_WIDTH = 0.45
TENDON_STRAIN, TENDON_TOE_FORCE, TENDON_TOE_SHAPE, TENDON_TOE_SHARE = 0.033, 0.33, 3.0, 0.609

MODEL_MASS_KG = 75.2  # of the gait2392 model


@dataclass(frozen=True, slots=True)
class PathPoint:
    """A point of a muscle's path: the segment it is fixed to, and where (3,) in that segment's frame, m."""

    segment: str
    place: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Muscle:
    """One muscle of the model, as Hill parameters and a path.

    Attributes:
        force: N, maximum isometric.   fibre, tendon: m, optimal and slack length.   pennation: rad.
        path: from origin to insertion, in the order in which the muscle runs.
    """

    name: str
    force: float
    fibre: float
    tendon: float
    pennation: float
    path: tuple[PathPoint, ...]

    def law(self, length_scale: float, force_scale: float, activation: float) -> TensionLaw:
        """Tension over the elongation beyond where the passive muscle begins to pull.

        The tendon is in series with the fibres: the curve is fitted to both at 5 % and 50 % of the
        maximum isometric force, and goes on straight from there.
        """
        fibre, tendon = length_scale * self.fibre, length_scale * self.tendon
        along = np.cos(self.pennation)
        force = force_scale * self.force * along
        low, high = 0.05, 0.5
        x = [fibre * _passive_strain(f) * along + tendon * _tendon_strain(f * along) for f in (low, high)]
        growth = _growth(x[0], x[1], low, high)
        passive = force * low / np.expm1(growth * x[0])
        width = np.sqrt(ACTIVE_WIDTH) * fibre * along
        return TensionLaw(
            force,
            passive=float(passive),
            growth=growth,
            straight=x[1],
            active=activation * force,
            peak=0.0,
            width=float(width),
        )

    def slack_length(self, length_scale: float) -> float:
        """m, length of the whole path at which the passive muscle begins to pull."""
        return length_scale * float(self.fibre * np.cos(self.pennation) + self.tendon)


@dataclass(frozen=True, slots=True)
class MuscleModel:
    """Muscles and where the model's segments stand in its pelvis frame.

    Attributes:
        frames: segment to (4, 4) pose in the pelvis frame, m, in the posture the model was read for.
        source: where it comes from, for reports.
    """

    muscles: tuple[Muscle, ...]
    frames: Mapping[str, FloatArray]
    source: str

    def places(self, muscle: Muscle) -> FloatArray:
        """(k, 3) path in the pelvis frame, m."""
        points = [self.frames[p.segment] @ np.array([*p.place, 1.0]) for p in muscle.path]
        return np.array(points)[:, :3]

    @property
    def hip_centres(self) -> dict[str, FloatArray]:
        return {side: self.frames[f"femur_{side[0]}"][:3, 3] for side in ("left", "right")}


@dataclass(frozen=True, slots=True)
class Posture:
    """How the patient's legs lie; the knees are straight."""

    flexion: float = option(float(np.radians(15.0)), "of both hips", unit="rad", lower=-0.5, upper=2.0)
    abduction: float = option(float(np.radians(5.0)), "of both legs", unit="rad", lower=-0.5, upper=1.0)


def load_muscles(path: Path | None, posture: Posture) -> MuscleModel:
    """The muscles of an OpenSim file, or the built-in ones.

    Raises:
        InputError: the file cannot be read, or holds no muscle that reaches the pelvis.
    """
    return _builtin(posture) if path is None else _from_file(path, posture)


@cache
def _from_file(path: Path, posture: Posture) -> MuscleModel:
    from rafr.tissue.opensim import read_opensim

    return read_opensim(path, posture)


@cache
def _builtin(posture: Posture) -> MuscleModel:
    """Parameters published with Delp 1990 and Thelen 2003, kept in `config/muscles.yaml` for one side."""
    import yaml

    table = yaml.safe_load(resource_path("config/muscles.yaml").read_text(encoding="utf-8"))
    frames = {"pelvis": np.eye(4), "torso": np.eye(4)}
    frames["torso"][:3, 3] = table["joints"]["back"]
    for side, sign in (("r", 1.0), ("l", -1.0)):
        mirror = np.array([1.0, 1.0, sign])
        frames[f"femur_{side}"] = leg_pose(np.array(table["joints"]["hip"]) * mirror, posture, sign)
        knee = np.eye(4)
        knee[:3, 3] = table["joints"]["knee"] * mirror
        frames[f"tibia_{side}"] = frames[f"femur_{side}"] @ knee
    muscles = [
        _mirrored(name, row, side, sign)
        for name, row in table["muscles"].items()
        for side, sign in (("r", 1.0), ("l", -1.0))
    ]
    return MuscleModel(tuple(muscles), frames, "built-in (Delp 1990, Thelen 2003)")


def _mirrored(name: str, row: Mapping[str, object], side: str, sign: float) -> Muscle:
    force, fibre, tendon, pennation = (float(v) for v in row["hill"])  # type: ignore[attr-defined]
    points = []
    for segment, x, y, z in row["path"]:  # type: ignore[attr-defined]
        suffix = f"_{side}" if segment in ("femur", "tibia") else ""
        points.append(PathPoint(f"{segment}{suffix}", (x, y, sign * z)))
    return Muscle(f"{name}_{side}", force, fibre, tendon, pennation, tuple(points))


def leg_pose(hip: FloatArray, posture: Posture, sign: float) -> FloatArray:
    """(4, 4) pose of a femur: flexed about z, then abducted about the flexed x; `sign` +1 right, -1 left."""
    from scipy.spatial.transform import Rotation

    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("ZX", [posture.flexion, -sign * posture.abduction]).as_matrix()
    pose[:3, 3] = hip
    return pose


def _passive_strain(share: float) -> float:
    """Fibre strain at a share of the maximum force (inverse of Thelen's passive curve)."""
    return float(PASSIVE_STRAIN / PASSIVE_SHAPE * np.log1p(share * np.expm1(PASSIVE_SHAPE)))


def _tendon_strain(share: float) -> float:
    """Tendon strain at a share of the maximum force (inverse of Thelen's tendon curve)."""
    toe_strain = TENDON_TOE_SHARE * TENDON_STRAIN
    if share <= TENDON_TOE_FORCE:
        grown = share / TENDON_TOE_FORCE * np.expm1(TENDON_TOE_SHAPE)
        return float(toe_strain / TENDON_TOE_SHAPE * np.log1p(grown))
    return toe_strain + (share - TENDON_TOE_FORCE) / (1.712 / TENDON_STRAIN)


def _growth(x_low: float, x_high: float, low: float, high: float) -> float:
    """b of a (exp(b x) - 1) through two points."""
    from scipy.optimize import brentq

    def miss(b: float) -> float:
        return float(np.expm1(b * x_high) / np.expm1(b * x_low) - high / low)

    return float(brentq(miss, 1e-3 / x_high, 60.0 / x_high))


def check_muscles(muscles: list[Muscle], path: Path) -> None:
    """Raises InputError where a file's muscles make no sense."""
    if not muscles:
        raise InputError(path, "no muscle reaches the pelvis", "a musculoskeletal model of the lower limb")
    for m in muscles:
        if not (m.force > 0 and m.fibre > 0 and m.tendon >= 0 and abs(m.pennation) < 1.5):
            raise InputError(path, f"muscle {m.name} is out of range", "positive force and lengths")
