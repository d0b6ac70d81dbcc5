"""A statistical shape model of the whole pelvis: what a pelvis like this one looks like unbroken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.geometry import TriangleMesh
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray
from rafr.npz_cache import UNREADABLE

_BODIES = {"right_hip": 1, "sacrum": 2, "left_hip": 3}
_KEYS = ("mean_mm", "triangles", "body", "modes", "mode_variance")
_EXPECTED = f"an npz with {', '.join(_KEYS)}"


@dataclass(frozen=True, slots=True, eq=False)
class ShapeModel:
    """Shape = mean + sum of c_i modes_i with c_i of variance v_i; axes LPS, mm.

    Attributes:
        mean: (n, 3).   modes: (k, n, 3).   variance: (k,) mm².
        vertices: per bone, (m,) indices of its vertices.   faces: per bone, (f, 3) into those.
    """

    mean: FloatArray
    modes: FloatArray
    variance: FloatArray
    vertices: dict[str, IntArray]
    faces: dict[str, IntArray]

    @staticmethod
    def read(path: Path) -> ShapeModel:
        """Read an npz in the format of LLP26 (Zhang 2016): `body` 1 right hip, 2 sacrum, 3 left hip.

        Raises:
            InputError: no such file, or not of that format.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                mean, triangles, body, modes, variance = (stored[key] for key in _KEYS)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror or error})", _EXPECTED) from None
        except KeyError as error:
            raise InputError(path, f"no shape model ({error.args[0]})", _EXPECTED) from None
        except UNREADABLE as error:
            problem = f"no shape model (not an npz archive, or damaged: {error})"
            raise InputError(path, problem, _EXPECTED) from None
        _check(path, mean, triangles, body, modes, variance)
        vertices, faces = {}, {}
        for name, value in _BODIES.items():
            index = np.flatnonzero(body == value)
            number = np.full(len(mean), -1)
            number[index] = np.arange(len(index))
            inside = (number[triangles] >= 0).all(axis=1)
            vertices[name], faces[name] = index, number[triangles[inside]]
        return ShapeModel(mean, modes, variance, vertices, faces)

    def bone(self, name: str, coefficients: FloatArray) -> TriangleMesh:
        """One bone of the shape with coefficients (k,)."""
        index = self.vertices[name]
        points = self.mean[index] + np.tensordot(coefficients, self.modes[:, index], axes=1)
        return TriangleMesh(points, self.faces[name])


def _check(path: Path, mean: Any, triangles: Any, body: Any, modes: Any, variance: Any) -> None:
    """Raise InputError unless the arrays belong together and hold what may be reckoned with."""
    if not all(isinstance(a, np.ndarray) for a in (mean, triangles, body, modes, variance)):
        raise InputError(path, "something in it is no array", _EXPECTED)
    shapes = mean.ndim == 2 and mean.shape[1] == 3 and modes.shape[1:] == mean.shape
    shapes = shapes and variance.shape == modes.shape[:1] and body.shape == mean.shape[:1]
    if not (shapes and triangles.ndim == 2 and triangles.shape[1] == 3):
        raise InputError(path, "its arrays do not belong together", _EXPECTED)
    numbers = all(a.dtype.kind == "f" and np.isfinite(a).all() for a in (mean, modes, variance))
    if not numbers or not (variance >= 0.0).all():
        raise InputError(
            path, "it holds values that are no finite numbers, or a negative variance", _EXPECTED
        )
    whole = all(a.dtype.kind in "iu" for a in (triangles, body))
    if not whole or triangles.min(initial=0) < 0 or triangles.max(initial=0) >= len(mean):
        raise InputError(path, "a triangle names a vertex that does not exist", _EXPECTED)
    missing = [name for name, value in _BODIES.items() if not (body == value).any()]
    if missing:
        raise InputError(path, f"it has no {missing[0]}", _EXPECTED)
