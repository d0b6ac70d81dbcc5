"""Linear transforms in ITK's files, as 3D Slicer writes and reads them.

ITK's transforms resample: they take a point of the fixed image, where things are wanted, to the moving image,
where they come from. 3D Slicer's linear transform moves what is put under it (to parent), and its files hold
the inverse of that, in LPS mm (Slicer's developer guide, Transforms). So the file of a body that a plan moves
by `T_reduced_displaced` holds `T_displaced_reduced`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError, RafrError
from rafr.exchange import transform_worker
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

TRANSFORM_FORMATS = ("tfm", "h5", "mat")
TRANSFORM_SUFFIXES = (".tfm", ".h5", ".hdf5", ".mat")
_EXPECTED = "a rigid linear transform as 3D Slicer saves it (.tfm, .h5 or .mat)"
_PATIENCE = 60.0  # s
_SAME = 1e-4  # Slicer keeps what a mouse made in doubles, other programs in floats


def write_motion(path: Path, T_to_from: RigidTransform) -> None:
    """Write the motion of a body (LPS mm) so that 3D Slicer moves with it what is put under the transform."""
    import SimpleITK as sitk

    inverse = T_to_from.inverse()
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(inverse.rotation.ravel().tolist())
    transform.SetTranslation(inverse.translation.tolist())
    sitk.WriteTransform(transform, str(path))


def read_motion(path: Path) -> RigidTransform:
    """The motion `T_to_from` (LPS mm) that a transform of 3D Slicer gives to what is put under it.

    Raises:
        InputError: unreadable, not linear, not finite, or not a proper rigid motion; says which.
    """
    matrix = _matrix(path)
    rotation, translation = matrix[:, :3], matrix[:, 3]
    if not np.isfinite(matrix).all():
        raise InputError(path, "holds numbers that are not finite (NaN or Inf)", _EXPECTED)
    if np.linalg.det(rotation) <= 0.0:
        raise InputError(path, "mirrors (its determinant is not positive)", _EXPECTED)
    stretch = np.linalg.svd(rotation, compute_uv=False)
    if np.abs(stretch - 1.0).max() > _SAME:
        low, high = 1.0 / stretch.max(), 1.0 / stretch.min()
        raise InputError(path, f"scales or shears (lengths times {low:.4g} to {high:.4g})", _EXPECTED)
    # within the tolerance: the nearest rotation
    u, _, vt = np.linalg.svd(rotation)
    try:
        return RigidTransform(u @ vt, translation).inverse()
    except RafrError as error:
        raise InputError(path, str(error), _EXPECTED) from None


def _matrix(path: Path) -> FloatArray:
    """(3, 4) of what the file holds, whatever its kind of linear transform, its centre applied."""
    if not path.is_file():
        raise InputError(path, "no such file", _EXPECTED)
    found = transform_worker.read(str(path)) if path.suffix.lower() == ".tfm" else _read_apart(path)
    if "problem" in found:
        raise InputError(path, f"cannot be read as a transform ({found['problem']})", _EXPECTED)
    if found["dimension"] != 3:
        raise InputError(path, f"is a transform of {found['dimension']} dimensions", _EXPECTED)
    if not found["linear"]:
        raise InputError(path, f"is not linear ({found['name']})", _EXPECTED)
    return np.array(found["matrix"])


def _read_apart(path: Path) -> dict[str, Any]:
    """In a process of its own, which a damaged file may end."""
    command = [sys.executable, "-m", transform_worker.__name__, str(path)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return {"problem": "the library that reads it does not come to an end"}
    if ran.returncode or not ran.stdout:
        return {"problem": "the library that reads it breaks down"}
    found: dict[str, Any] = json.loads(ran.stdout)
    return found
