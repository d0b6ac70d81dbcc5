"""The shape model: reading it, and fitting it to a pelvis drawn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.planning.metrics import pose_error
from rafr.planning.target.anatomy import bones_of
from rafr.planning.target.shape_fit import fit_shape
from rafr.planning.target.shape_model import ShapeModel

CENTRES = {1: (-70.0, 0.0, 0.0), 2: (0.0, 60.0, 20.0), 3: (70.0, 0.0, 0.0)}


def model_file(folder: Path) -> Path:
    """Three bumpy bones that grow, and move apart, by two modes."""
    ball = trimesh.creation.icosphere(subdivisions=3)
    unit = np.asarray(ball.vertices)
    bones, faces, body = [], [], []
    for k, (value, centre) in enumerate(CENTRES.items()):
        height = 1.0 + 0.15 * np.cos(unit @ np.array([2.0 + k, 1.5, -2.0]))
        bones.append(unit * height[:, None] * (25.0, 50.0, 60.0) + centre)
        faces.append(np.asarray(ball.faces) + k * len(unit))
        body += [value] * len(unit)
    mean, middle = np.concatenate(bones), np.repeat(list(CENTRES.values()), len(unit), axis=0)
    modes = np.stack([0.05 * (mean - middle), 0.05 * middle])
    path = folder / "model.npz"
    content = {"mean_mm": mean, "triangles": np.concatenate(faces), "body": np.array(body)}
    np.savez(path, **content, modes=modes, mode_variance=np.array([1.0, 1.0]))
    return path


def test_a_body_of_a_pelvis_that_the_model_knows_is_put_in_its_place(tmp_path):
    model = ShapeModel.read(model_file(tmp_path))
    names = {1: "sacrum", 11: "left_hip", 21: "right_hip"}
    true = {label: model.bone(name, np.array([1.2, -0.8])) for label, name in names.items()}
    moved = RigidTransform.from_rotvec([0.05, -0.04, 0.06], [8.0, -3.0, 6.0])
    bones = [*bones_of({1: true[1], 21: true[21]}).values()]
    bones += bones_of({11: true[11].transformed(moved)}, body=0).values()
    error = pose_error(fit_shape(model, bones).target(0), moved.inverse(), true[11])
    # what the modes' variance pulls back towards the mean
    assert error["mean_mm"] < 1.0
    assert error["deg"] < 1.0


def test_a_file_of_another_format_is_refused_in_one_line(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, mean_mm=np.zeros((4, 3)))
    with pytest.raises(InputError, match="no shape model"):
        ShapeModel.read(path)
