"""The tissue built for a fragment: forces of the published size, ligaments where anatomy has them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rafr.cases.case import LIGAMENTS, Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, merge_meshes
from rafr.tissue import landmarks
from rafr.tissue.model import TissueParams, build_tissue
from rafr.tissue.muscles import Posture
from rafr.tissue.traction import TractionConfig, TractionDevice
from rafr.units import to_metres

HERE = RigidTransform.identity()


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
    tissue = build_tissue(*patient(pelvis, "vertical-shear", reduced), "left", {"left": reduced})
    force = np.linalg.norm(tissue.wrench(to_metres(reduced))[:3])
    assert 80.0 < force < 450.0  # N; femur reductions 216 N mean, muscle models 97-555 N


@pytest.mark.parametrize("seed", range(6))
def test_no_pose_and_no_patient_gives_an_absurd_force(pelvis, seed):
    rng = np.random.default_rng(seed)
    reduced = displacement(pelvis, rng.normal(0, 15, 3))
    case, meshes = patient(pelvis, "open-book", reduced, mass=float(rng.uniform(10, 200)))
    tissue = build_tissue(case, meshes, "left", {"left": reduced})
    anywhere = RigidTransform.from_rotvec(rng.normal(0, 0.5, 3), rng.normal(0, 0.2, 3))
    assert np.linalg.norm(tissue.wrench(anywhere)[:3]) < 2 * tissue.laws.limit.sum()
    near = RigidTransform.from_rotvec(rng.normal(0, 0.05, 3), rng.normal(0, 0.01, 3))
    assert np.linalg.norm(tissue.wrench(near)[:3]) < 5000.0  # N


def test_forces_grow_with_the_patient(pelvis):
    reduced = displacement(pelvis, (0.0, 0.0, -20.0))
    forces = [
        np.linalg.norm(
            build_tissue(*patient(pelvis, "vertical-shear", reduced, m), "left", {"left": reduced}).wrench(
                to_metres(reduced)
            )[:3]
        )
        for m in (40.0, 120.0)
    ]
    assert forces[1] == pytest.approx(forces[0] * 3.0 ** (2 / 3), rel=0.02)


def ligaments(tissue):
    return set(tissue.names) & set(LIGAMENTS)


@pytest.mark.slow
def test_torn_ligaments_are_left_out(pelvis):
    small = RigidTransform.from_translation([-1.0, 0.0, 0.0])

    def names(kind, reduced=small, **changes):
        case, meshes = patient(pelvis, kind, small)
        return ligaments(
            build_tissue(replace(case, **changes), meshes, "left", reduced and {"left": reduced})
        )

    assert names("vertical-shear") == set()
    assert names(None) == set()
    assert {"long-posterior-sacroiliac", "sacrotuberous"} <= names("open-book")
    assert "anterior-sacroiliac" not in names("open-book")
    # the case has the last word
    assert names("open-book", torn_ligaments=()) == set(LIGAMENTS)
    assert "sacrotuberous" not in names("open-book", torn_ligaments=("sacrotuberous",))
    # without the anatomy before the injury nothing is known of their rest length
    assert names("open-book", None) == set()


def test_an_overstretched_ligament_has_torn(pelvis):
    far = RigidTransform.from_translation([-60.0, 0.0, -60.0])
    left = ligaments(build_tissue(*patient(pelvis, "open-book", far), "left", {"left": far}))
    assert not left & {"interosseous-sacroiliac", "long-posterior-sacroiliac", "iliolumbar"}


def test_the_fragment_lies_still_where_it_was_found(pelvis):
    """Muscles have taken up their slack, ligaments have given way, the bedding is at rest."""
    reduced = displacement(pelvis, (-6.0, 0.0, -20.0))
    tissue = build_tissue(*patient(pelvis, "open-book", reduced), "left", {"left": reduced})
    assert ligaments(tissue)
    here = tissue.tensions(RigidTransform.identity())
    assert here[tissue.named(LIGAMENTS)].max() < 1.0  # N
    assert np.linalg.norm(tissue.wrench(RigidTransform.identity())[:3]) < 5.0


def test_a_fragment_that_slipped_since_the_ct_lies_still_where_it_lies_now(pelvis):
    reduced = displacement(pelvis, (-6.0, 0.0, -20.0))
    left, turn = pelvis.left_hip.transformed(reduced.inverse()), np.radians([0.0, 0.0, -1.0])
    slipped = RigidTransform.from_translation([2.0, 0.0, 0.0]) @ RigidTransform.about_point(
        turn, left.centroid
    )
    case, meshes = patient(pelvis, "open-book", reduced)

    def load(found):
        tissue = build_tissue(case, meshes, "left", {"left": reduced}, found=found)
        return float(np.linalg.norm(tissue.wrench(to_metres(slipped))[:3]))

    assert load(slipped) < 5.0  # N
    assert load(None) > 100.0  # taut ligaments, were it still thought to lie as the CT shows it


def test_prestrain_is_that_of_the_intact_pelvis(pelvis):
    case, meshes = patient(pelvis, "open-book", HERE)
    case = replace(case, torn_ligaments=())
    tissue = build_tissue(case, meshes, "left", {"left": HERE}, TissueParams(ligament_prestrain=0.03))
    slack = build_tissue(case, meshes, "left", {"left": HERE})
    assert (tissue.tensions(HERE)[tissue.named(LIGAMENTS)] > 0.0).mean() > 0.9
    assert slack.tensions(HERE)[slack.named(LIGAMENTS)].max() < 1e-6


@pytest.mark.slow
def test_contracture_is_what_resists_a_reduction(pelvis):
    reduced = displacement(pelvis, (0.0, 0.0, -25.0))
    case, meshes = patient(pelvis, "vertical-shear", reduced)

    def force(**params):
        tissue = build_tissue(case, meshes, "left", {"left": reduced}, TissueParams(**params))
        return float(np.linalg.norm(tissue.wrench(to_metres(reduced))[:3]))

    fresh, days_later = force(contracture=0.0), force(contracture=1.0)
    assert fresh < 0.7 * days_later
    assert force(contracture=0.5) == pytest.approx(0.5 * (fresh + days_later), rel=0.3)
    assert force(activation=0.1) > 1.5 * days_later  # why patients are relaxed


def test_the_muscles_of_a_file_are_used(pelvis, data_folder):
    reduced = displacement(pelvis, (0.0, 0.0, -25.0))
    case, meshes = patient(pelvis, "vertical-shear", reduced)
    file = data_folder / "opensim" / "gait2392_thelen2003muscle.osim"
    built_in, read = (
        build_tissue(case, meshes, "left", {"left": reduced}, TissueParams(muscles=m)) for m in (None, file)
    )
    assert set(built_in.names) == set(read.names)
    pose = to_metres(reduced)
    assert np.allclose(built_in.wrench(pose), read.wrench(pose), rtol=0.1, atol=3.0)


@pytest.fixture(scope="module")
def stretched(pelvis):
    """A hip on the move: (the wrench its tissue exerts with these parameters, that with the usual ones)."""
    reduced = displacement(pelvis, (2.0, 2.0, -8.0))
    case, meshes = patient(pelvis, "open-book", reduced)
    pose = RigidTransform.from_translation([0.02, 0.01, -0.03]) @ to_metres(reduced)
    twist = np.array([0.02, 0.01, -0.03, 0.1, 0.2, 0.1])

    def wrench(**params):
        return build_tissue(case, meshes, "left", {"left": reduced}, TissueParams(**params)).wrench(
            pose, twist
        )

    return wrench, wrench()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"activation": 0.1},
        {"contracture": 0.9},
        {"muscle_strength": 2.0},
        {"bedding_stiffness": 8e3},
        {"bedding_limit": 30.0},
        {"bedding_points": 4},
        {"ligament_stiffness": 2.0},
        {"ligament_toe_strain": 0.01},
        {"dorsal_toe_strain": 0.05},
        {"ligament_prestrain": 0.05},
        {"ligament_torn_strain": 0.0},
        {"ligament_failure_strain": 0.02},
        {"ligament_damping_time": 0.01},
        {"bedding_damping_time": 0.2},
        {"muscle_damping": 200.0},
        {"linear_damping": 900.0},
        {"angular_damping": 30.0},
        {"posture": Posture(0.7, 0.1)},
    ],
)
def test_every_parameter_matters(stretched, change):
    wrench, usual = stretched
    assert not np.allclose(usual, wrench(**change), atol=1e-6)


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


def draw(device, heights):
    """Tensions (N) while the leg is moved along the cord (m), faster than the winch follows."""
    tensions = []
    for height in heights:
        pose = RigidTransform.from_translation([0.0, 0.0, height])
        device.advance(1e-6, pose)
        tensions.append(device.tension(pose))
    return np.array(tensions)


def taut(**changes):
    device = TractionDevice(np.zeros(3), "left", np.zeros(3), TractionConfig(**changes))
    device.command(120.0)
    for _ in range(4000):
        device.advance(1e-3, RigidTransform.identity())
    return device


def test_the_cord_loses_work_in_a_loop_and_never_gives_any():
    way = np.concatenate([np.linspace(0, 0.01, 200), np.linspace(0.01, 0, 200)])
    out_and_back = [draw(taut(hysteresis=h), way) for h in (0.06, 0.0)]
    lost = [float(np.trapezoid(t, way)) for t in out_and_back]
    # about twice the friction times the way, less what it takes to turn round
    assert lost[0] == pytest.approx(2 * 0.06 * 130.0 * 0.01, rel=0.3)
    assert lost[1] == pytest.approx(0.0, abs=1e-3)
    slow = draw(taut(hysteresis_travel=0.02), way)
    assert float(np.trapezoid(slow, way)) < 0.5 * lost[0]


def test_a_boot_that_slips_lets_the_tension_down_until_the_winch_has_reeled_in():
    device, here = taut(), RigidTransform.identity()
    device.slip(0.02)
    assert device.tension(here) == pytest.approx(120.0 - 2.5e3 * 0.02, rel=1e-3)
    for _ in range(4000):
        device.advance(1e-3, here)
    assert device.tension(here) == pytest.approx(120.0)


def test_planner_and_plant_get_the_same_tissue_for_the_same_target(pelvis):
    reduced = displacement(pelvis, (0.0, 0.0, -20.0))
    case, meshes = patient(pelvis, "denis2", reduced)
    pose = to_metres(reduced)
    first, second = (build_tissue(case, meshes, "left", {"left": reduced}).wrench(pose) for _ in range(2))
    assert np.array_equal(first, second)
