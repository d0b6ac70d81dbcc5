"""Properties of plans and their measures under arbitrary motions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.assessment import ACCEPTED
from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.metrics import pose_error
from rafr.planning.path import PathConfig, Pull, plan_path
from rafr.planning.plan import BodyPlan, ReductionPlan, SymmetryPlane
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.evidence import MirrorTerm
from rafr.planning.target.priors import AsymmetryTerm, MidlineTerm, PlaneTerm, PoseTerm
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.tension import TensionLaw, TensionLaws

CUBE = TriangleMesh(trimesh.creation.box((20.0, 30.0, 40.0)).vertices, trimesh.creation.box().faces)
FAR_AWAY = CUBE.transformed(RigidTransform.from_translation([0.0, 0.0, 5000.0]))

number = st.floats(-1.0, 1.0)
motions = st.builds(
    lambda w, t: RigidTransform.from_rotvec(np.array(w), 40.0 * np.array(t)),
    st.tuples(number, number, number),
    st.tuples(number, number, number),
)


NO_TISSUE = TissueModel((), TensionLaws.of([]), np.zeros(3), np.zeros(0))
FAST = PathConfig(refinements=1, batches=1)


def path_of(start: RigidTransform, target: RigidTransform):
    return plan_path("body", CUBE, [FAR_AWAY], start, target, Pull(NO_TISSUE), config=FAST).poses


@settings(max_examples=15, deadline=None)
@given(motions, motions)
def test_a_path_begins_at_the_start_and_ends_at_the_target_exactly(start, target):
    poses = path_of(start, target)
    assert np.array_equal(poses[0].T_path_displaced.matrix, start.matrix)
    assert np.array_equal(poses[-1].T_path_displaced.matrix, target.matrix)


@settings(max_examples=15, deadline=None)
@given(motions, motions)
def test_the_hash_of_a_plan_survives_json_and_changes_with_the_target(start, target):
    def plan(goal: RigidTransform) -> ReductionPlan:
        body = BodyPlan("body", (11,), goal, 1.0, {}, {}, path_of(start, target))
        plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.0)
        return ReductionPlan("case", "test", (body,), plane, ("body",), ACCEPTED, 1.0)

    original = plan(target)
    copied = ReductionPlan.from_json(json.loads(json.dumps(original.to_json())))
    assert copied.hash == original.hash
    assert plan(RigidTransform.from_translation([0.01, 0.0, 0.0]) @ target).hash != original.hash


def solid(extents: tuple[float, ...], centre: tuple[float, ...] = (0.0, 0.0, 0.0)) -> TriangleMesh:
    box = trimesh.creation.box(extents)
    for _ in range(4):
        box = box.subdivide()
    return TriangleMesh(np.asarray(box.vertices) + centre, box.faces)


PLATE = solid((200.0, 200.0, 10.0), (0.0, 0.0, -5.0))
RIDGE = solid((8.0, 60.0, 16.0))
BRICK = solid((20.0, 16.0, 12.0))


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(st.floats(-0.8, 2.0), st.floats(-0.8, 2.0), st.floats(-20.0, 20.0), st.floats(-0.4, 0.4))
def test_a_path_leaves_the_bone_it_lies_in_and_costs_no_more_than_the_straight_one(sunk, seated, aside, turn):
    """A brick on a plate, pressed into it by up to 0.8 mm at both ends, with a ridge and a spring."""
    start = RigidTransform.from_translation([22.0, 0.0, 6.0 + sunk])
    target = RigidTransform.from_rotvec([0.0, 0.0, turn], [-22.0, aside, 6.0 + seated])
    ends = np.array([[0.0, 0.0, 0.0], start.translation]) / 1000.0
    cable = Cable("spring", ends, (Rider.BODY, Rider.GROUND), 0.0)
    tissue = TissueModel((cable,), TensionLaws.of([TensionLaw(1e3, 1e3)]), np.zeros(3), np.zeros(1))
    path = plan_path(
        "brick", BRICK, [PLATE, RIDGE], start, target, Pull(tissue), config=PathConfig(batches=2)
    )
    assert path.assessment.accepted
    overlap = np.maximum(-np.array([p.clearance_mm for p in path.poses]), 0.0)
    assert overlap.max() <= max(0.3, overlap[0] + 0.1, overlap[-1] + 0.1)  # mm
    middle = len(overlap) // 2
    assert overlap[middle] <= 0.3
    for run in (overlap[:middle], overlap[middle:][::-1]):
        inside = run[: np.argmax(run <= 0.3)]
        assert (np.diff(inside) <= 0.1).all()  # mm: comes out, never goes deeper
    assert path.summary.peak_force_n <= path.straight.summary.peak_force_n + 0.1


@settings(max_examples=25, deadline=None)
@given(motions, motions, motions)
def test_pose_error_is_symmetric_and_blind_to_a_common_motion(a, b, common):
    error = pose_error(a, b, CUBE)
    assert pose_error(b, a, CUBE)["mean_mm"] == pytest.approx(error["mean_mm"], abs=1e-9)
    assert pose_error(common @ a, common @ b, CUBE) == pytest.approx(error, abs=1e-5)
    assert error["mean_mm"] <= error["max_mm"] + 1e-9


def bumpy_mesh() -> TriangleMesh:
    ball = trimesh.creation.icosphere(subdivisions=3)
    points = np.asarray(ball.vertices)
    height = 1.0 + 0.1 * np.cos(points @ [2.0, 1.0, -1.5])
    return TriangleMesh(points * height[:, None] * (30.0, 50.0, 40.0) + [40.0, 0.0, 0.0], ball.faces)


def half(mesh: TriangleMesh) -> TriangleMesh:
    return TriangleMesh(mesh.vertices, mesh.faces[mesh.face_centres[:, 1] > 0.0])


@pytest.mark.parametrize(
    "kind",
    [
        "mirror",
        "mirror-of-a-piece",
        "mirror-of-the-right",
        "plane",
        "asymmetry",
        "pose",
        "midline",
        "placed-midline",
    ],
)
def test_the_derivatives_of_every_evidence_agree_with_differences(kind):
    tilted = Plane(np.array([0.5, 2.0, 1.0]), np.array([1.0, 0.03, -0.02]))
    bone = Bone.of("left_hip", [bumpy_mesh()], body=0)
    image = Bone.of("right_hip", [tilted.reflect_mesh(bumpy_mesh())], body=1)
    piece = Bone.of("right_hip", [tilted.reflect_mesh(half(bumpy_mesh()))])
    centre, still = np.array([40.0, 0.0, 0.0]), RigidTransform.identity()
    skew = RigidTransform.from_rotvec([0.004, -0.01, 0.006], [0.4, -0.3, 0.2])
    start = Estimate(tilted, centre, (still, still), (centre, tilted.reflect(centre)), skew)
    turned = Plane(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.05]))
    term = {
        "mirror": MirrorTerm(bone, image, name="mirror:left_hip"),
        "mirror-of-a-piece": MirrorTerm(bone, piece, name="mirror:left_hip"),
        "mirror-of-the-right": MirrorTerm(image, bone, name="mirror:right_hip"),
        "plane": PlaneTerm(turned, 1.0, 0.1, "plane"),
        "asymmetry": AsymmetryTerm(),
        "pose": PoseTerm(1, still),
        "midline": MidlineTerm(bone),
        "placed-midline": MidlineTerm(bone.of_body(IN_PLACE)),
    }[kind]
    rows = term.rows(start, 200.0)
    # mm and rad: large against single precision of the distance queries, small against the bone
    twist = [0.05, 0.05, 0.05, 1e-3, 1e-3, 1e-3]
    sizes = np.array([*twist, *twist, 1e-3, 1e-3, 0.05, *twist])
    for k, step in enumerate(np.diag(sizes)):
        ahead, behind = (term.rows(start.moved(s * step), 200.0).residual for s in (1.0, -1.0))
        slope = (ahead - behind) / (2.0 * sizes[k])
        # exact on the surface but for facets, whose normals differ from the smooth ones by some degrees
        limit = 0.05 * (1.0 + np.abs(rows.jacobian[:, k]).max())
        assert np.median(np.abs(slope - rows.jacobian[:, k])) < limit
