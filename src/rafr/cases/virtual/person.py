"""One virtual person: the average bones, scaled and bent smoothly, left and right not quite alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from rafr.cases.pelvis import IntactPelvis
from rafr.cases.virtual import hip, sacrum
from rafr.cases.virtual.implicit import Grid, mesh_of
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class VariationConfig:
    """How people differ.

    Attributes:
        scale: standard deviation of the size along left–right, front–back, up–down.
        shape_mm: standard deviation of the smooth individual shape, the same on both sides.
        asymmetry_mm: standard deviation of the smooth difference from the mirror image.
        wavelength_mm: shortest of the smooth changes.
        spacing_mm: grid of the implicit surfaces.
    """

    scale: float = 0.04
    shape_mm: float = 2.5
    asymmetry_mm: float = 1.35
    wavelength_mm: float = 110.0
    spacing_mm: float = 1.5


def virtual_pelvis(rng: np.random.Generator, config: VariationConfig | None = None) -> IntactPelvis:
    """An anatomically plausible intact pelvis; every draw is another person.

    Returns:
        Watertight meshes, LPS mm, anterior pelvic plane about coronal, origin between the hips.
    """
    config = config or VariationConfig()
    left, middle = _average_bones(config.spacing_mm)
    right = TriangleMesh(left.vertices * [-1.0, 1.0, 1.0], left.faces[:, ::-1])
    scale = 1.0 + config.scale * rng.standard_normal(3).clip(-2.5, 2.5)
    shape = _Warp.draw(rng, config.shape_mm, config.wavelength_mm)
    asymmetry = _Warp.draw(rng, config.asymmetry_mm, config.wavelength_mm)

    def individual(mesh: TriangleMesh) -> TriangleMesh:
        v = mesh.vertices
        mirror = np.array([-1.0, 1.0, 1.0])
        symmetric = 0.5 * (shape.at(v) + shape.at(v * mirror) * mirror)
        return TriangleMesh((v + np.sqrt(2.0) * symmetric) * scale + asymmetry.at(v), mesh.faces)

    return IntactPelvis(individual(left), individual(right), individual(middle))


@cache
def _average_bones(spacing_mm: float) -> tuple[TriangleMesh, TriangleMesh]:
    """Left hip and sacrum of the average person."""
    hip_grid = Grid.box(hip.LOW, hip.HIGH, spacing_mm)
    sacrum_grid = Grid.box(sacrum.LOW, sacrum.HIGH, spacing_mm)
    return (
        mesh_of(hip_grid, hip.hip_field(hip_grid)),
        mesh_of(sacrum_grid, sacrum.sacrum_field(sacrum_grid)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Warp:
    """A smooth displacement: a sum of plane waves, mm.

    Attributes:
        waves: (m, 3) wave vectors, rad/mm.   phases: (m,).   amplitudes: (m, 3) mm.
    """

    waves: FloatArray
    phases: FloatArray
    amplitudes: FloatArray

    @staticmethod
    def draw(rng: np.random.Generator, rms_mm: float, wavelength_mm: float, count: int = 12) -> _Warp:
        direction = rng.standard_normal((count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = wavelength_mm * rng.uniform(1.0, 2.2, count)
        amplitude = rng.standard_normal((count, 3)) * rms_mm * np.sqrt(2.0 / count)
        return _Warp(2 * np.pi * direction / length[:, None], rng.uniform(0, 2 * np.pi, count), amplitude)

    def at(self, points: FloatArray) -> FloatArray:
        """Displacements (n, 3) at points (n, 3)."""
        return np.sin(points @ self.waves.T + self.phases) @ self.amplitudes
