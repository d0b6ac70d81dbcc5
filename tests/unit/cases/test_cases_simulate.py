"""Simulated cases: every fracture kind, its truth, its images. Coarse volumes keep this quick."""

from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from rafr.cases.case import FRACTURE_KINDS, load_case
from rafr.cases.fracture import find_anatomy, fracture_pelvis
from rafr.cases.simulate import simulate_case
from rafr.cases.synthetic_ct import CtConfig, draw_ct
from rafr.cases.truth import read_truth
from rafr.cases.virtual import VariationConfig, virtual_pelvis
from rafr.errors import InputError
from rafr.geometry import exact_signed_distance
from rafr.imaging.readers import read_volume

SPACING = 2.0  # mm
SOLID = 1.5  # mm


QUICK_KINDS = ("bilateral",)


@pytest.fixture(scope="module")
def pelvis():
    return virtual_pelvis(np.random.default_rng(7), VariationConfig(spacing_mm=2.0))


@pytest.fixture(
    scope="module",
    params=[k if k in QUICK_KINDS else pytest.param(k, marks=pytest.mark.slow) for k in FRACTURE_KINDS],
)
def broken(request, pelvis):
    """A fractured pelvis of every kind, with its labels."""
    fractured = fracture_pelvis(pelvis, request.param, np.random.default_rng(11), solid_mm=SOLID)
    _, labels = draw_ct(fractured, np.random.default_rng(0), CtConfig(spacing_mm=SPACING))
    return fractured, labels


def bone_of(label):
    return {0: "sacrum", 1: "left_hip", 2: "right_hip"}[(label - 1) // 10]


def test_every_piece_has_a_label_of_its_bone_and_one_body(broken):
    fractured, labels = broken
    values = [p.label for p in fractured.pieces]
    assert sorted(np.unique(labels.array)) == [0, *sorted(values)]
    assert all(bone_of(p.label) == p.bone for p in fractured.pieces)
    assert {1, 11, 21} <= set(values)
    in_bodies = [v for body in fractured.bodies for v in body.labels]
    assert sorted(in_bodies) == sorted(values)


def test_the_main_fragment_of_a_bone_is_its_largest_piece(broken):
    _, labels = broken
    count = np.bincount(labels.array.ravel(), minlength=31)
    for first in (1, 11, 21):
        assert count[first] == count[first : first + 10].max()


def test_bodies_do_not_interpenetrate(broken):
    fractured, _ = broken
    for a, b in combinations(fractured.bodies, 2):
        # the voxel centres inside body a, in the CT, seen from body b
        T_b_a = fractured.pose(b.name).inverse() @ fractured.pose(a.name)
        for piece in (p for p in fractured.pieces if p.label in a.labels):
            solid = fractured.solids[piece.bone]
            points = solid.index_to_lps(np.argwhere(solid.array < 0)[:, ::-1])
            points = T_b_a.apply(points[piece.cut(points) < 0])
            depth = [fractured.distance(p, points).min() for p in fractured.pieces if p.label in b.labels]
            # 0.3 mm are asked for between surface points; rough faces between them may come closer
            assert min(depth) > -0.3


def test_displacements_are_of_clinical_size(broken):
    fractured, _ = broken
    assert 1 <= len(fractured.T_displaced_reduced) <= 2
    for name, pose in fractured.T_displaced_reduced.items():
        body = next(b for b in fractured.bodies if b.name == name)
        bone = next(p.bone for p in fractured.pieces if p.label == body.labels[-1])
        points = fractured.pelvis.bones[bone].vertices
        moved = np.linalg.norm(pose.apply(points) - points, axis=1).mean()
        assert 2.0 < moved < 45.0
        assert np.rad2deg(pose.angle) < 22.0


def test_the_reduction_puts_the_displaced_surface_back_on_the_intact_bone(broken):
    fractured, labels = broken
    for body in fractured.bodies[1:]:
        label = max(body.labels, key=lambda v: int((labels.array == v).sum()))
        mask = labels.array == label
        shell = binary_dilation(mask) & ~mask & (labels.array == 0)
        points = labels.index_to_lps(np.argwhere(shell)[:, ::-1])
        back = fractured.pose(body.name).inverse().apply(points)
        piece = next(p for p in fractured.pieces if p.label == label)
        off = exact_signed_distance(fractured.pelvis.bones[piece.bone], back)
        off = off[piece.cut(back) < -SPACING]
        # centres of the first voxels outside lie between the surface and one voxel step off it
        assert np.median(off) == pytest.approx(0.5 * SPACING, abs=0.3 * SPACING)
        assert np.percentile(off, 99) < 1.2 * SPACING
        assert np.percentile(off, 1) > -0.3 * SPACING


def test_a_displaced_body_shows_where_its_pose_says(broken):
    fractured, labels = broken
    for piece in fractured.pieces:
        solid = fractured.solids[piece.bone]
        points = solid.index_to_lps(np.argwhere(solid.array < -0.5 * SPACING)[:, ::-1])
        points = points[piece.cut(points) < -0.5 * SPACING]
        moved = fractured.pose(fractured.body_of(piece.label).name).apply(points)
        i, j, k = np.rint(labels.lps_to_index(moved)).astype(int).T
        assert np.mean(labels.array[k, j, i] == piece.label) > 0.97


def test_the_ring_is_whole_again_after_reduction(pelvis):
    fractured = fracture_pelvis(pelvis, "denis2", np.random.default_rng(3), solid_mm=SOLID)
    for bone in {p.bone for p in fractured.pieces}:
        solid = fractured.solids[bone]
        points = solid.index_to_lps(np.argwhere(solid.array < 0)[:, ::-1])
        inside = np.array([fractured.distance(p, points) < 0 for p in fractured.pieces if p.bone == bone])
        assert (inside.sum(axis=0) == 1).mean() > 0.9999  # no bone lost, none twice


@pytest.mark.slow
def test_a_crescent_leaves_the_psis_at_the_sacrum_and_a_wing_fracture_takes_the_asis(pelvis):
    anatomy = find_anatomy(pelvis)
    for kind, landmark in (("crescent", "psis"), ("iliac-wing", "asis")):
        fractured = fracture_pelvis(pelvis, kind, np.random.default_rng(5), solid_mm=SOLID)
        side = fractured.bodies[1].name.split("_")[0]
        point = getattr(anatomy.hips[side], landmark)[None]
        hip = [p for p in fractured.pieces if p.bone == f"{side}_hip"]
        holder = min(hip, key=lambda p: fractured.distance(p, point)[0])
        in_reference = holder.label in fractured.bodies[0].labels
        assert in_reference == (kind == "crescent")


@pytest.mark.slow
def test_a_denis_line_lies_in_its_zone(pelvis):
    anatomy = find_anatomy(pelvis)
    share = {}
    for kind in ("denis1", "denis2", "denis3"):
        fractured = fracture_pelvis(pelvis, kind, np.random.default_rng(2), solid_mm=SOLID)
        solid = fractured.solids["sacrum"]
        ala = next(p for p in fractured.pieces if p.label == 2)
        points = solid.index_to_lps(np.argwhere(solid.array < 0)[:, ::-1])
        edge = points[np.abs(ala.cut(points)) < 1.0]
        x = np.abs(anatomy.T_ct_pelvis.inverse().apply(edge)[:, 0]) / anatomy.sacrum_half_width
        share[kind] = np.median(x)
    assert share["denis1"] > 0.45 > share["denis2"] > 0.22 > share["denis3"]


def test_landmarks_follow_the_patient(pelvis):
    from rafr.geometry import RigidTransform

    turn = RigidTransform.from_rotvec([0.15, -0.2, 0.25], [30.0, -20.0, 60.0])
    before, after = find_anatomy(pelvis), find_anatomy(pelvis.transformed(turn))
    for name, point in before.landmarks().items():
        gap = np.linalg.norm(turn.apply(point) - after.landmarks()[name])
        assert gap < 6.0, name  # mm; extreme points of smooth bumps wander a little with the sampling


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pelvis):
    out = tmp_path_factory.mktemp("simulated") / "case"
    simulate_case(pelvis, "denis2", 4, out, spacing_mm=SPACING)
    return out


def test_a_simulated_case_is_a_whole_case_folder(folder):
    case = load_case(folder)
    ct, labels, cbct = (read_volume(p) for p in (case.ct, case.labels, case.cbct))
    assert ct.same_grid(labels)
    assert case.fracture == "denis2"
    assert {v for b in case.bodies for v in b.labels} == set(np.unique(labels.array)) - {0}
    assert case.traction is not None
    assert case.traction.side == case.moving[0].name.split("_")[0]
    assert cbct.array.shape != ct.array.shape
    assert sorted(p.name for p in folder.iterdir()) == [
        "case.yaml",
        "cbct.nii.gz",
        "ct.nii.gz",
        "labels.nii.gz",
        "truth.json",
    ]


def test_grey_values_are_those_of_the_tissues(folder):
    case = load_case(folder)
    ct, labels = read_volume(case.ct).array, read_volume(case.labels).array
    assert ct[0, 0, 0] < -900  # air
    assert 150 < np.median(ct[labels == 1]) < 900
    assert np.percentile(ct[labels == 11], 95) > 900  # cortex
    assert 0 < np.median(ct[(labels == 0) & (ct > -300)]) < 80  # muscle


def test_the_truth_of_a_case_names_its_bodies_and_reads_back(folder):
    case, truth = load_case(folder), read_truth(folder)
    assert set(truth.T_reduced_displaced) == {b.name for b in case.moving}
    assert set(truth.T_cbct_ct) == {b.name for b in case.bodies}
    assert (truth.fracture, truth.seed) == ("denis2", 4)
    for name, displacement in truth.displacement.items():
        angle = np.rad2deg(truth.T_reduced_displaced[name].angle)
        assert displacement.angle_deg == pytest.approx(angle, abs=1e-6)
        assert 0 < displacement.mean_mm <= displacement.max_mm


@pytest.mark.slow
def test_the_same_seed_makes_the_same_case_and_another_seed_another(folder, pelvis, tmp_path):
    simulate_case(pelvis, "denis2", 4, tmp_path / "again", spacing_mm=SPACING)
    simulate_case(pelvis, "denis2", 5, tmp_path / "other", spacing_mm=SPACING)
    for file in ("ct.nii.gz", "labels.nii.gz", "cbct.nii.gz"):
        first, again = (read_volume(d / file).array for d in (folder, tmp_path / "again"))
        assert np.array_equal(first, again)
    truth, other = read_truth(folder), read_truth(tmp_path / "other")
    assert (tmp_path / "again" / "truth.json").read_text(encoding="utf-8") == (
        folder / "truth.json"
    ).read_text(encoding="utf-8")
    assert not np.allclose(truth.T_cbct_marker.matrix, other.T_cbct_marker.matrix)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "denis4"}, "denis4"),
        ({"seed": -1}, "negative"),
        ({"spacing_mm": 9.0}, "9 mm"),
    ],
)
def test_bad_arguments_are_refused_and_leave_nothing(pelvis, tmp_path, change, said):
    arguments = {"kind": "denis2", "seed": 0, "spacing_mm": SPACING} | change
    kind, seed = arguments.pop("kind"), arguments.pop("seed")
    with pytest.raises(InputError, match=said):
        simulate_case(pelvis, kind, seed, tmp_path / "case", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_not_overwritten(pelvis, folder):
    with pytest.raises(InputError, match="exists"):
        simulate_case(pelvis, "denis2", 4, folder)


def test_a_damaged_or_missing_truth_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text('{"T_reduced_displaced": {"a": 3}}')
    with pytest.raises(InputError, match="damaged"):
        read_truth(tmp_path)
