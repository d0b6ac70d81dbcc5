"""A pelvis of blocks on a turned, anisotropic grid, its case folder, and a plan for it."""

import json

import numpy as np
import pytest

from rafr.assessment import ACCEPTED
from rafr.cases.case import Body, Case, save_case
from rafr.geometry import Plane, RigidTransform
from rafr.imaging.volume import Volume, write_volume
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane

SPACING = np.array([2.0, 2.5, 3.0])
GOAL = RigidTransform.from_rotvec([0.05, -0.1, 0.2], [-6.0, 4.0, 9.0])
BOXES = {
    1: ((-30, 0, 0), (30, 30, 60)),
    11: ((42, -40, 0), (68, 30, 60)),
    12: ((42, -40, -36), (68, 30, -3)),
    21: ((-60, -40, 0), (-34, 30, 60)),
}


@pytest.fixture
def labels():
    low, high = np.array([-72.0, -52.0, -48.0]), np.array([80.0, 42.0, 72.0])
    ni, nj, nk = np.ceil((high - low) / SPACING).astype(int)
    array = np.zeros((nk, nj, ni), np.uint8)
    for label, box in BOXES.items():
        (i0, j0, k0), (i1, j1, k1) = (
            np.rint((np.array(corner) - low) / SPACING).astype(int) for corner in box
        )
        array[k0:k1, j0:j1, i0:i1] = label
    direction = RigidTransform.from_rotvec([0.1, 0.0, 0.05]).rotation
    return Volume(array, direction @ low, SPACING, direction)


@pytest.fixture
def ct(labels):
    noise = np.random.default_rng(3).integers(-40, 40, labels.array.shape)
    return labels.with_array((np.where(labels.array > 0, 700, 40) + noise).astype(np.int16))


@pytest.fixture
def case(tmp_path, labels, ct, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "case"
    folder.mkdir()
    write_volume(folder / "ct.nii.gz", ct)
    write_volume(folder / "labels.nii.gz", labels)
    bodies = (Body("reference", (1, 21)), Body("left_hip", (11,)), Body("left_ischium", (12,)))
    made = Case(folder, "blocks", folder / "ct.nii.gz", folder / "labels.nii.gz", None, bodies)
    save_case(made)
    return made


@pytest.fixture
def goals():
    return {"left_hip": GOAL, "left_ischium": GOAL.inverse()}


@pytest.fixture
def plan(case, goals):
    bodies = tuple(
        BodyPlan(b.name, b.labels, T, 0.8, {}, {}, tuple(PathPose(p, 1.0, 0.0, 0.0) for p in (T, T)))
        for b in case.moving
        for T in (goals[b.name],)
    )
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 0.5)
    return ReductionPlan("blocks", "made up", bodies, plane, tuple(goals), ACCEPTED, 0.0)


@pytest.fixture
def plan_file(tmp_path, plan):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan.to_json()))
    return path
