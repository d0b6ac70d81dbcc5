"""Achieved poses from a file: the report of a run, a registration to the second CBCT, or written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rafr.cases.case import Case
from rafr.errors import InputError, RafrError
from rafr.foreign import read_yaml
from rafr.geometry import RigidTransform

_EXPECTED = (
    "the report.json of a run of this case that ended with a measurement, what `rafr register --json` wrote, "
    "or body names, each with a 4x4 T_current_displaced (mm)"
)
_REPORTED, _REGISTERED = "T_achieved_displaced", "T_cbct_ct"


def read_achieved(path: Path, case: Case) -> dict[str, RigidTransform]:
    """`T_current_displaced` (mm) of the moving bodies of a case.

    Raises:
        InputError: the file cannot be read, names other bodies than the case's, lacks a moving one, or holds
            something that is no proper motion.
    """
    data = read_yaml(path, _EXPECTED)  # JSON is YAML
    if not isinstance(data, dict):
        raise InputError(path, "not a mapping", _EXPECTED)
    if data.get("case", case.id) != case.id:
        raise InputError(path, f"it is of case {data['case']!r}", f"{_EXPECTED} ({case.id!r})")
    bodies = data["bodies"] if isinstance(data.get("bodies"), dict) else data
    registered = any(isinstance(value, dict) and _REGISTERED in value for value in bodies.values())
    poses = {str(name): _pose(path, str(name), _matrix(value)) for name, value in bodies.items()}
    _check_names(path, case, poses, registered)
    if not registered:
        return {body.name: poses[body.name] for body in case.moving}
    reference = poses[case.reference.name].inverse()
    return {body.name: reference @ poses[body.name] for body in case.moving}


def _matrix(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return next((value[key] for key in (_REPORTED, _REGISTERED) if key in value), value)


def _check_names(path: Path, case: Case, poses: dict[str, RigidTransform], registered: bool) -> None:
    known = [body.name for body in case.bodies]
    needed = known if registered else known[1:]
    unknown = [name for name in poses if name not in known]
    missing = [name for name in needed if name not in poses]
    if unknown:
        raise InputError(path, f"it names {unknown[0]!r}", f"bodies of the case: {', '.join(known)}")
    if missing:
        raise InputError(path, f"it has no pose for {', '.join(missing)}", f"poses of {', '.join(needed)}")


def _pose(path: Path, body: str, matrix: Any) -> RigidTransform:
    if matrix is None:
        raise InputError(path, f"it gives no achieved pose of {body}", _EXPECTED)
    try:
        return RigidTransform.from_matrix(matrix)
    except (RafrError, ValueError, TypeError) as error:
        raise InputError(path, f"{body}: {error}", "a 4x4 matrix of a proper motion (mm)") from None
