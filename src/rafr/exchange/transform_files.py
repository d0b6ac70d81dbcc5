"""Linear transforms in ITK's files, as 3D Slicer writes and reads them.

ITK's transforms resample: they take a point of the fixed image, where things are wanted, to the moving image,
where they come from. 3D Slicer's linear transform moves what is put under it (to parent), and its files hold
the inverse of that, in LPS mm (Slicer's developer guide, Transforms). So the file of a body that a plan moves
by `T_reduced_displaced` holds `T_displaced_reduced`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError, RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.readers import quiet_stderr, reason

TRANSFORM_FORMATS = ("tfm", "h5", "mat")
TRANSFORM_SUFFIXES = (".tfm", ".h5", ".hdf5", ".mat")
_EXPECTED = "a rigid linear transform as 3D Slicer saves it (.tfm, .h5 or .mat)"
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
    import SimpleITK as sitk

    if not path.is_file():
        raise InputError(path, "no such file", _EXPECTED)
    try:
        with quiet_stderr():
            transform: Any = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise InputError(path, f"cannot be read as a transform ({reason(error)})", _EXPECTED) from None
    if transform.GetDimension() != 3:
        raise InputError(path, f"is a transform of {transform.GetDimension()} dimensions", _EXPECTED)
    if not transform.IsLinear():
        raise InputError(path, f"is not linear ({transform.GetName()})", _EXPECTED)
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    axes = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3).tolist()]
    return np.column_stack([*axes, origin])
