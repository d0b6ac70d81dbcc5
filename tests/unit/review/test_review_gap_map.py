"""The heat map of the gap shows what the planner does to a break."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import trimesh
from PIL import Image

from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.review.gap_map import gaps, save_gap_map

BACK = RigidTransform.from_translation([-4.0, 0.0, 0.0])


def box(x: float) -> TriangleMesh:
    made = trimesh.creation.box((20.0, 20.0, 20.0)).subdivide().subdivide().subdivide()
    return TriangleMesh(np.asarray(made.vertices) + np.array([x, 0.0, 0.0]), np.asarray(made.faces))


@pytest.fixture
def meshes() -> dict[str, BodyMesh]:
    """A block 4.5 mm beside another; the plan moves it 4 mm nearer."""
    parts = {"reference": (1, box(0.0)), "left_hip": (11, box(24.5))}
    return {name: BodyMesh(name, mesh, {label: mesh}) for name, (label, mesh) in parts.items()}


@pytest.mark.parametrize(("poses", "nearest"), [({}, 4.5), ({"left_hip": BACK}, 0.5)])
def test_gaps_are_those_of_the_poses_asked_for(meshes, poses, nearest):
    gap = gaps("left_hip", meshes, poses)
    face = np.isclose(meshes["left_hip"].mesh.vertices[:, 0], 14.5)
    np.testing.assert_allclose(gap[face], nearest, atol=1e-4)


def test_overlap_is_negative(meshes):
    assert gaps("left_hip", meshes, {"left_hip": RigidTransform.from_translation([-6.0, 0, 0])}).min() < -1.0


@pytest.mark.slow
def test_the_picture_shows_another_colour_once_the_gap_is_closed(meshes, tmp_path):
    body = SimpleNamespace(name="left_hip", T_reduced_displaced=BACK)
    save_gap_map(tmp_path / "gap.png", SimpleNamespace(bodies=[body], order=("left_hip",)), meshes)
    picture = np.asarray(Image.open(tmp_path / "gap.png").convert("RGB"), dtype=float)
    half = picture.shape[1] // 2
    found, planned = picture[:, :half], picture[:, half - 60 : -120]
    # contact is dark blue, a wide gap pale
    blue = [(part[..., 2] > part[..., 0] + 60).sum() for part in (found, planned)]
    assert blue[1] > 2000 > 10 * blue[0]
