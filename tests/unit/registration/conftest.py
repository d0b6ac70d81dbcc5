"""Two bone-like bodies in soft tissue, and a scanner that shows them moved: small, analytic, seeded."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from rafr.cases.case import Body
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.resample import resample
from rafr.imaging.volume import Volume

SPACING_MM = 1.5
PADDING = -2000.0
BODIES = (Body("reference", (1,)), Body("fragment", (11,)))


@dataclass(frozen=True)
class Phantom:
    """CT, labels and surfaces of one made-up patient."""

    ct: Volume
    labels: Volume
    meshes: dict[str, TriangleMesh]

    @property
    def centre(self) -> np.ndarray:
        return np.mean([m.centroid for m in self.meshes.values()], axis=0)

    def poses(self, rng: np.random.Generator, turn_deg: float, shift_mm: float) -> dict[str, RigidTransform]:
        """A pose of the whole and, on top, a small motion of the fragment."""

        def motion(turn: float, shift: float, centre: np.ndarray) -> RigidTransform:
            axis, way = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
            turned = RigidTransform.about_point(np.radians(turn) * axis, centre)
            return RigidTransform.from_translation(shift * way) @ turned

        whole = motion(turn_deg, shift_mm, self.centre)
        return {
            "reference": whole,
            "fragment": whole @ motion(4.0, 3.0, self.meshes["fragment"].centroid),
        }

    def cbct(
        self, poses: dict[str, RigidTransform], rng: np.random.Generator, radius_mm: float = 120.0
    ) -> Volume:
        """Other grey scale, shading, noise, and a cylinder as field of view around the moved bodies."""
        size = np.array([round(2 * radius_mm / SPACING_MM)] * 2 + [100])
        middle = poses["reference"].apply(self.centre)
        origin = middle - 0.5 * (size - 1) * SPACING_MM
        grid = Volume(np.zeros(size[::-1], np.float32), origin, np.full(3, SPACING_MM), np.eye(3))
        image = np.full(grid.array.shape, 40.0, np.float32)
        for body in BODIES:
            own = np.where(self.labels.array == body.labels[0], self.ct.array - 40.0, 0.0).astype(np.float32)
            image += resample(self.ct.with_array(own), grid, poses[body.name], outside=0.0).array
        _, j, i = np.indices(image.shape)
        radius = np.hypot(i - i.mean(), j - j.mean()) * SPACING_MM
        image = 0.7 * image + 120.0 + 60.0 * (radius / radius_mm) ** 2 + rng.normal(0, 40, image.shape)
        image[radius > radius_mm] = PADDING
        return grid.with_array(image.astype(np.float32))


def make_phantom(seed: int) -> Phantom:
    rng = np.random.default_rng(seed)
    size = np.array([110, 90, 80])
    grid = Volume(np.zeros(size[::-1]), np.array([-80.0, -70, -60]), np.full(3, SPACING_MM), np.eye(3))
    k, j, i = np.indices(grid.array.shape)
    points = grid.index_to_lps(np.stack([i, j, k], axis=-1))
    labels = np.zeros(grid.array.shape, np.uint8)
    fields = [_blob(points, rng, side) for side in (-1.0, 1.0)]
    labels[(fields[0] > 1) & (fields[0] > 1.3 * fields[1])] = 1
    labels[(fields[1] > 1) & (fields[1] > 1.3 * fields[0])] = 11
    depth = sum(distance_transform_edt(labels == value, sampling=SPACING_MM) for value in (1, 11))
    marrow = 250 + 80 * gaussian_filter(rng.normal(size=labels.shape), 1.0) * 8
    image = np.where(labels > 0, np.where(depth < 3.0, 1100.0, marrow), 40.0)
    image = gaussian_filter(image, 0.5) + rng.normal(0, 10, image.shape)
    volume = grid.with_array(labels)
    meshes = {b.name: mesh_from_labels(volume, b.labels) for b in BODIES}
    return Phantom(grid.with_array(image.astype(np.float32)), volume, meshes)


def _blob(points: np.ndarray, rng: np.random.Generator, side: float) -> np.ndarray:
    """A bent, knobbly solid (field above 1) on one side of the plane x = 0."""
    t = np.linspace(-1, 1, 7)
    bend = rng.uniform(0.6, 1.4, 3)
    spine = np.stack([side * (34 + 12 * np.cos(bend[0] * 2 * t)), 42 * t, 22 * np.sin(bend[1] * 2 * t)], -1)
    knobs = np.stack(
        [side * rng.uniform(15, 60, 4), rng.uniform(-45, 45, 4), rng.uniform(-35, 35, 4)], axis=-1
    )
    centres = np.vstack([spine, knobs])
    radii = np.concatenate([rng.uniform(9, 14, len(spine)), rng.uniform(7, 13, len(knobs))])
    field = np.zeros(points.shape[:-1])
    for centre, radius in zip(centres, radii, strict=True):
        field += np.exp(1.0 - ((points - centre) ** 2).sum(axis=-1) / radius**2)
    return field


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    return make_phantom(1)


@pytest.fixture(scope="session")
def other_phantom() -> Phantom:
    return make_phantom(2)
