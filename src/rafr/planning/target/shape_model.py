"""A statistical shape model of the whole pelvis: what a pelvis like this one looks like unbroken."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.geometry import TriangleMesh
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray

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
        except (ValueError, zipfile.BadZipFile):
            raise InputError(path, "no shape model (not an npz archive)", _EXPECTED) from None
        if mean.ndim != 2 or modes.shape[1:] != mean.shape or variance.shape != modes.shape[:1]:
            raise InputError(path, "its arrays do not belong together", _EXPECTED)
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
