"""Targets lie where people put them, and the error there is that of simulated registrations."""

from statistics import median

import numpy as np
import pytest

from rafr.cases.meshes import BodyMesh
from rafr.cases.pelvis import read_pelvis
from rafr.cases.virtual import virtual_pelvis
from rafr.geometry import RigidTransform, fit_rigid, merge_meshes
from rafr.registration.result import BodyRegistration, FiducialRegistration
from rafr.registration.targets import pelvic_targets, targets_in_cbct, tracked_error

NAMES = {"left_asis", "right_asis", "left_psis", "right_psis", "pubic_symphysis", "s1"}
FIDUCIALS = np.array([[90.0, -60, 40], [140, -40, 60], [120, -80, 10], [100, -20, 80], [60, -70, 70]])  # mm


@pytest.fixture(scope="module")
def pelvis():
    return virtual_pelvis(np.random.default_rng(0))


@pytest.mark.slow
def test_all_targets_of_a_whole_pelvis_lie_like_on_a_pelvis(pelvis):
    at = pelvic_targets(pelvis.bones)
    assert set(at) == NAMES
    assert at["left_asis"][0] > at["pubic_symphysis"][0] > at["right_asis"][0]  # left is +x
    assert at["left_asis"][1] < at["s1"][1] < at["left_psis"][1]  # posterior is +y
    assert at["pubic_symphysis"][2] < at["left_asis"][2]  # superior is +z
    assert abs(at["s1"][0] - at["pubic_symphysis"][0]) < 15.0  # mm: both near the midplane


@pytest.mark.slow
def test_targets_of_missing_bones_are_left_out(pelvis):
    assert set(pelvic_targets({"left_hip": pelvis.left_hip})) == {"left_asis", "left_psis"}
    assert set(pelvic_targets({"sacrum": pelvis.sacrum})) == {"s1"}


def test_error_at_the_targets_is_that_of_simulated_registrations():
    at = {
        "left_asis": np.array([120.0, -60, 40]),
        "s1": np.array([0.0, 20, 50]),
        "right_psis": np.array([-45.0, 90, 30]),
    }
    rng, sigma = np.random.default_rng(0), 0.2
    places = np.array(list(at.values()))
    squared = []
    for _ in range(1500):
        T = fit_rigid(FIDUCIALS, FIDUCIALS + rng.normal(0, sigma, FIDUCIALS.shape))
        squared.append(((T.apply(places) - places) ** 2).sum(axis=1))
    spheres = FiducialRegistration(RigidTransform.identity(), 0.1, sigma * np.sqrt(3), FIDUCIALS)
    foretold = spheres.tre_mm(places)
    # 5 %: 1500 samples and a first-order formula
    assert foretold == pytest.approx(np.sqrt(np.mean(squared, axis=0)), rel=0.05)
    assert list(at)[foretold.argmin()] == "left_asis"  # the fiducials are beside it


def test_errors_of_images_and_spheres_add_where_the_tracker_has_a_body():
    spheres = FiducialRegistration(RigidTransform.identity(), 0.1, 0.2, FIDUCIALS)
    points, T = np.zeros((3, 3)), RigidTransform.from_translation([80.0, -50.0, 40.0])
    [through_spheres] = spheres.tre_mm(T.apply(points[:1]))
    error = tracked_error(BodyRegistration("hip", T, 0.3, 1.0), spheres, points)
    assert error == pytest.approx(np.hypot(0.3, through_spheres))


@pytest.mark.slow
def test_targets_are_told_where_the_cbct_shows_the_bones(pelvis):
    parts = {"reference": {1: pelvis.sacrum, 21: pelvis.right_hip}, "left_hip": {11: pelvis.left_hip}}
    meshes = {n: BodyMesh(n, merge_meshes(list(p.values())), p) for n, p in parts.items()}
    whole = RigidTransform.about_point([0.3, 0.2, -0.3], pelvis.sacrum.centroid)
    poses = {"reference": whole, "left_hip": whole @ RigidTransform.from_translation([9.0, 0.0, 0.0])}
    shown, intact = targets_in_cbct(meshes, poses, "reference"), pelvic_targets(pelvis.bones)
    assert set(shown) == NAMES
    assert shown["s1"] == pytest.approx(whole.apply(intact["s1"]), abs=1e-6)
    assert shown["left_asis"] == pytest.approx(poses["left_hip"].apply(intact["left_asis"]), abs=1e-6)


@pytest.mark.data
@pytest.mark.slow
def test_targets_lie_where_five_raters_put_them(data_folder):
    from scipy.io import loadmat

    raters = {"asis": "ASIS", "psis": "PSIS"}
    named = {f"{s}_{k}": f"{s.capitalize()} {v}" for s in ("left", "right") for k, v in raters.items()}
    named["s1"] = "Sacral Center (SC)"
    marked = {}
    for file in sorted((data_folder / "vsd").glob("Pelvis_Rater*.mat")):
        for row in loadmat(file, squeeze_me=True)["Results"]:
            for table in row[:-1]:
                for name, place, _ in table:
                    marked.setdefault((row[-1], name), []).append(place)
    away = {name: [] for name in named}
    for file in sorted((data_folder / "vsd").glob("z*.mat")):
        if (file.stem, "Left ASIS") in marked:
            at = pelvic_targets(read_pelvis(file).bones)
            for name, theirs in named.items():
                away[name].append(np.linalg.norm(at[name] - np.median(marked[file.stem, theirs], axis=0)))
    assert all(len(gaps) == 17 for gaps in away.values())
    # mm; measured: medians 4 to 6, largest 20 (S1). The predicted error changes by a few per cent over that
    assert all(median(gaps) < 8.0 and max(gaps) < 25.0 for gaps in away.values())
