"""The tissue built for a fragment: forces of the published size, ligaments where anatomy has them."""

from pathlib import Path

import numpy as np
import pytest

from rafr.cases.case import Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, merge_meshes
from rafr.tissue import landmarks
from rafr.tissue.model import TissueParams, build_tissue
from rafr.tissue.traction import TractionConfig, TractionDevice
from rafr.units import to_metres

LIGAMENTS = {
    "sacrospinous", "sacrotuberous", "iliolumbar", "anterior-sacroiliac", "posterior-sacroiliac",
    "interosseous-sacroiliac", "superior-pubic", "arcuate-pubic",
}  # fmt: skip


@pytest.fixture(scope="module")
def pelvis():
    from rafr.cases.virtual import virtual_pelvis

    return virtual_pelvis(np.random.default_rng(5))


def patient(pelvis, kind, T_reduced_displaced, mass=75.0):
    """A hip dislocated from the rest: case and meshes."""
    hip = pelvis.left_hip.transformed(T_reduced_displaced.inverse())
    rest = merge_meshes([pelvis.sacrum, pelvis.right_hip])
    meshes = {
        "reference": BodyMesh("reference", rest, {1: pelvis.sacrum, 21: pelvis.right_hip}),
        "left": BodyMesh("left", hip, {11: hip}),
    }
    bodies = (Body("reference", (1, 21)), Body("left", (11,)))
    here = Path()
    case = Case(here, "t", here / "a", here / "b", None, bodies, fracture=kind, patient_mass_kg=mass)
    return case, meshes


def displacement(pelvis, shift):
    turn = RigidTransform.about_point([0.05, 0.05, 0.1], pelvis.left_hip.centroid)
    return RigidTransform.from_translation(shift) @ turn


@pytest.mark.parametrize("shift", [(0.0, 0.0, -25.0), (-15.0, -5.0, -20.0), (-20.0, 8.0, -10.0)])
def test_reducing_20_to_30_mm_takes_the_published_force(pelvis, shift):
    reduced = displacement(pelvis, shift)
    tissue = build_tissue(*patient(pelvis, "vertical-shear", reduced), "left", reduced)
    force = np.linalg.norm(tissue.wrench(to_metres(reduced))[:3])
    assert 80.0 < force < 350.0  # N; femur reductions 216 N mean, muscle models 97-555 N
    assert np.linalg.norm(tissue.wrench(RigidTransform.identity())) < 1e-6  # at rest where it was found


@pytest.mark.parametrize("seed", range(6))
def test_no_pose_and_no_patient_gives_an_absurd_force(pelvis, seed):
    rng = np.random.default_rng(seed)
    reduced = displacement(pelvis, rng.normal(0, 15, 3))
    case, meshes = patient(pelvis, "open-book", reduced, mass=float(rng.uniform(10, 200)))
    tissue = build_tissue(case, meshes, "left", reduced)
    anywhere = RigidTransform.from_rotvec(rng.normal(0, 0.5, 3), rng.normal(0, 0.2, 3))
    assert np.linalg.norm(tissue.wrench(anywhere)[:3]) < 5000.0  # N


def test_forces_grow_with_the_patient(pelvis):
    reduced = displacement(pelvis, (0.0, 0.0, -20.0))
    forces = [
        np.linalg.norm(
            build_tissue(*patient(pelvis, "vertical-shear", reduced, m), "left", reduced).wrench(
                to_metres(reduced)
            )[:3]
        )
        for m in (40.0, 120.0)
    ]
    assert forces[1] == pytest.approx(forces[0] * 3.0 ** (2 / 3), rel=0.02)


def test_torn_ligaments_are_left_out(pelvis):
    small = RigidTransform.from_translation([-1.0, 0.0, 0.0])

    def names(kind, reduced):
        return set(build_tissue(*patient(pelvis, kind, small), "left", reduced).names) & LIGAMENTS

    assert names("vertical-shear", small) == set()
    assert names(None, small) == set()
    assert {"posterior-sacroiliac", "sacrotuberous"} <= names("open-book", small)
    assert "anterior-sacroiliac" not in names("open-book", small)
    # without the anatomy before the injury nothing is known of their rest length
    assert names("open-book", None) == set()


def test_an_overstretched_ligament_has_torn(pelvis):
    far = RigidTransform.from_translation([-60.0, 0.0, -60.0])
    tissue = build_tissue(*patient(pelvis, "open-book", far), "left", far)
    assert "posterior-sacroiliac" not in tissue.names


def test_remaining_ligaments_are_at_rest_in_the_reduced_pelvis(pelvis):
    reduced = displacement(pelvis, (-6.0, 0.0, 0.0))
    tissue = build_tissue(*patient(pelvis, "open-book", reduced), "left", reduced)
    ligaments = tissue.strained(tuple(LIGAMENTS))
    assert ligaments.any()
    assert np.abs(tissue.tensions(to_metres(reduced))[ligaments]).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"muscle_stiffness": 30e3},
        {"muscle_toe": 0.005},
        {"muscle_limit": 50.0},
        {"muscle_length": 0.3},
        {"bedding_stiffness": 8e3},
        {"bedding_limit": 30.0},
        {"bedding_points": 4},
        {"ligament_toe_strain": 0.01},
        {"ligament_torn_strain": 0.0},
        {"ligament_limit": 5.0},
        {"damping_time": 0.2},
        {"linear_damping": 900.0},
        {"angular_damping": 30.0},
    ],
)
def test_every_parameter_matters(pelvis, change):
    reduced = displacement(pelvis, (-6.0, 2.0, -12.0))
    case, meshes = patient(pelvis, "open-book", reduced)
    pose = RigidTransform.from_rotvec([0.02, -0.03, 0.02], [-0.02, 0.02, -0.03]) @ to_metres(reduced)
    twist = np.array([0.02, 0.01, -0.03, 0.1, 0.2, 0.1])
    base = build_tissue(case, meshes, "left", reduced).wrench(pose, twist)
    other = build_tissue(case, meshes, "left", reduced, TissueParams(**change)).wrench(pose, twist)
    assert not np.allclose(base, other, atol=1e-6)


def test_the_hip_centre_is_the_acetabulums(pelvis):
    """On both sides the same, mirrored, and one head's radius from the nearest bone."""
    centres = {s: landmarks.hip_centre(getattr(pelvis, f"{s}_hip"), s) for s in ("left", "right")}
    assert centres["left"][0] > centres["right"][0]
    for side, centre in centres.items():
        nearest = np.linalg.norm(getattr(pelvis, f"{side}_hip").vertices - centre, axis=1).min()
        assert 16.0 < nearest < 32.0  # mm


def test_traction_follows_its_command_at_its_rate_and_is_elastic():
    config = TractionConfig()
    device = TractionDevice(np.zeros(3), "left", np.array([0.0, 0.0, 0.05]), config)
    here = RigidTransform.identity()
    device.command(100.0)
    for _ in range(1000):
        device.advance(1e-3, here)
    assert device.tension(here) == pytest.approx(config.rate, rel=1e-6)  # N after 1 s
    for _ in range(2000):
        device.advance(1e-3, here)
    assert device.tension(here) == pytest.approx(100.0)
    up = RigidTransform.from_translation([0.0, 0.0, 0.004])  # 4 mm cranially, before the winch reacts
    assert device.tension(up) - 100.0 == pytest.approx(config.stiffness * 0.004, rel=0.05)
    wrench = device.wrench(here)
    assert wrench[2] < -90.0  # towards the feet
    assert wrench[1] < 0.0  # and up, along the flexed thigh
    assert np.allclose(wrench[3:], np.cross([0.0, 0.0, -0.05], wrench[:3]))
    device.command(10_000.0)
    for _ in range(20_000):
        device.advance(1e-3, here)
    assert device.tension(here) == pytest.approx(config.max_tension)


def test_planner_and_plant_get_the_same_tissue_for_the_same_target(pelvis):
    reduced = displacement(pelvis, (0.0, 0.0, -20.0))
    case, meshes = patient(pelvis, "denis2", reduced)
    pose = to_metres(reduced)
    first, second = (build_tissue(case, meshes, "left", reduced).wrench(pose) for _ in range(2))
    assert np.array_equal(first, second)
