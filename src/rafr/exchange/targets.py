"""Targets a surgeon made in another program: one transform file per body."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.exchange.transform_files import TRANSFORM_SUFFIXES, read_motion
from rafr.geometry import RigidTransform
from rafr.planning.metrics import pose_error

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

# fragments of the pelvis are displaced by centimetres; the bones of another patient lie decimetres away
_FARTHEST_MM, _FARTHEST_DEG = 150.0, 90.0


def read_targets(path: Path, case: Case) -> dict[str, RigidTransform]:
    """`T_reduced_displaced` (mm) by body from a file or a folder of transform files named after bodies.

    Raises:
        InputError: nothing there, a name that is no moving body, two files for one body, or a file that
            `read_motion` refuses.
    """
    moving = [b.name for b in case.moving]
    targets: dict[str, RigidTransform] = {}
    for file in _files(path, moving):
        name = file.name.removesuffix(file.suffix)
        if name not in moving:
            raise InputError(file, f"{name!r} is no moving body of case {case.id}", _named(moving))
        if name in targets:
            raise InputError(file, f"a second file for {name}", "one transform file per body")
        targets[name] = read_motion(file)
    return targets


def check_near(path: Path, targets: Mapping[str, RigidTransform], meshes: Mapping[str, BodyMesh]) -> None:
    """Refuse targets that no fragment of this patient can have come from.

    Raises:
        InputError: a body would move by more than a pelvis is large.
    """
    for name, T in targets.items():
        moved = pose_error(RigidTransform.identity(), T, meshes[name].mesh)
        if moved["mean_mm"] > _FARTHEST_MM or moved["deg"] > _FARTHEST_DEG:
            problem = f"moves {name} by {moved['mean_mm']:.0f} mm and {moved['deg']:.0f}°"
            limits = f"at most {_FARTHEST_MM:.0f} mm and {_FARTHEST_DEG:.0f}°"
            raise InputError(path, problem, f"{limits}, made on the CT of this case")


def _files(path: Path, moving: list[str]) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(path, "no such file or folder", _named(moving))
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in TRANSFORM_SUFFIXES and f.is_file())
    if not files:
        raise InputError(path, "holds no transform file", _named(moving))
    return files


def _named(moving: list[str]) -> str:
    shown = ", ".join(f"{name}.tfm" for name in moving)
    return f"transform files named after moving bodies ({shown}; or {', '.join(TRANSFORM_SUFFIXES[1:])})"
