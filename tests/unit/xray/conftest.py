"""Two balls of bone in a trunk of muscle: a patient small enough for many pictures."""

import numpy as np
import pytest

from rafr.cases.case import Body, Case, save_case
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume, write_volume

BODIES = (Body("reference", (1,)), Body("fragment", (11,)))
CENTRES = {"reference": np.array([-19.0, 0.0, 0.0]), "fragment": np.array([19.0, 5.0, 3.0])}
RADIUS = 18.0  # mm


def two_balls(poses=None, bone_hu=800.0, soft_hu=40.0):
    """CT and labels with every ball where its pose puts it."""
    size, spacing = np.array([100, 70, 60]), 1.2
    grid = Volume(np.zeros(size[::-1], np.uint8), -0.5 * spacing * (size - 1), np.full(3, spacing), np.eye(3))
    points = grid.index_to_lps(np.argwhere(grid.array == 0)[:, ::-1])
    hu, labels = np.full(len(points), soft_hu), np.zeros(len(points), np.uint8)
    for body in BODIES:
        centre = (poses or {}).get(body.name, RigidTransform.identity()).apply(CENTRES[body.name])
        distance = np.linalg.norm(points - centre, axis=1) - RADIUS
        hu += np.clip(0.5 - distance / spacing, 0, 1) * (bone_hu - soft_hu)
        labels[distance < 0] = body.labels[0]
    shape = grid.array.shape
    return grid.with_array(hu.reshape(shape).astype(np.int16)), grid.with_array(labels.reshape(shape))


@pytest.fixture(scope="session")
def balls():
    return two_balls()


@pytest.fixture(scope="session")
def case(balls, tmp_path_factory):
    """The balls as a case folder."""
    folder = tmp_path_factory.mktemp("balls")
    for name, volume in zip(("ct", "labels"), balls, strict=True):
        write_volume(folder / f"{name}.nii.gz", volume)
    made = Case(folder, "balls", folder / "ct.nii.gz", folder / "labels.nii.gz", None, BODIES)
    save_case(made)
    return made
