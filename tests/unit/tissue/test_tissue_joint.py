"""The sacroiliac joint: where its ligaments run, how its cartilage presses, how the bench finds balance."""

import numpy as np
import pytest

from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform
from rafr.tissue.bench import JointBench
from rafr.tissue.cartilage import Cartilage
from rafr.tissue.landmarks import JOINT_SPACE_MM
from rafr.tissue.ligaments import strands_of
from rafr.tissue.model import TissueParams
from rafr.tissue.pelvis import Pelvis


@pytest.fixture(scope="module")
def pelvis():
    from rafr.cases.virtual import virtual_pelvis

    return virtual_pelvis(np.random.default_rng(5))


@pytest.fixture(scope="module")
def cartilage(pelvis):
    return Cartilage.of(pelvis.left_hip, pelvis.sacrum)


def half_pelvis(hip, sacrum):
    """A left hip bone and a sacrum alone."""
    reference, moving = BodyMesh("reference", hip, {11: hip}), BodyMesh("sacrum", sacrum, {1: sacrum})
    return Pelvis({"reference": reference, "sacrum": moving})


@pytest.fixture(scope="module")
def strands(pelvis):
    return strands_of(half_pelvis(pelvis.left_hip, pelvis.sacrum))


@pytest.fixture(scope="module")
def bench(pelvis):
    return JointBench.of(pelvis.left_hip, pelvis.sacrum)


def moved(pose, centre, small):
    here = RigidTransform.about_point(small[3:], pose.apply(centre))
    return RigidTransform.from_translation(small[:3]) @ here @ pose


def test_the_interosseous_ligament_leaves_the_joint_to_the_cartilage(strands):
    interosseous = [s for s in strands if s.name == "interosseous-sacroiliac"]
    assert sum(s.share for s in interosseous) == pytest.approx(1.0)
    assert all(np.linalg.norm(s.end - s.start) > JOINT_SPACE_MM for s in interosseous)


def test_a_part_of_the_iliolumbar_ligament_crosses_the_top_of_the_joint(strands):
    """In the coronal plane, from the ala outwards to the ilium; the other part goes to the spine."""
    across = [s for s in strands if s.name == "iliolumbar" and not s.on_spine]
    assert len(across) == 4
    outward = np.mean([s.start - s.end for s in across], axis=0)
    assert outward[0] > 0.7 * np.linalg.norm(outward)
    heights = [s.start[2] for s in strands if s.name == "anterior-sacroiliac"]
    assert np.mean([s.start[2] for s in across]) > np.mean(heights)


def test_a_joint_left_open_has_no_ligaments_of_its_own(pelvis):
    """As a target may leave it; those that reach over from elsewhere stay."""
    aside = RigidTransform.from_translation([14.0, 0.0, 0.0])
    half = half_pelvis(pelvis.left_hip.transformed(aside), pelvis.sacrum)
    names = {s.name for s in strands_of(half)}
    assert "anterior-sacroiliac" not in names
    assert {"sacrospinous", "sacrotuberous"} <= names


def test_cartilage_is_at_rest_where_the_bones_belong(cartilage):
    assert cartilage.energy(RigidTransform.identity()) == 0.0
    assert not cartilage.wrench_and_stiffness(RigidTransform.identity())[0].any()


def test_cartilage_presses_and_does_not_pull(cartilage):
    """A left joint: squeezed when the sacrum goes left, apart when it goes right."""
    towards, away = (RigidTransform.from_translation([x, 0.0, 0.0]) for x in (5e-4, -5e-4))
    assert cartilage.wrench_and_stiffness(towards)[0][0] < -100.0
    assert np.abs(cartilage.wrench_and_stiffness(away)[0]).max() < 50.0


@pytest.mark.parametrize("seed", range(3))
def test_cartilage_wrench_and_stiffness_are_the_energys_derivatives(cartilage, seed):
    rng = np.random.default_rng(seed)
    pose = moved(RigidTransform.identity(), cartilage.centre, rng.normal(0, 1e-3, 6) * [1, 1, 1, 20, 20, 20])
    wrench, stiffness = cartilage.wrench_and_stiffness(pose)
    step = 1e-7
    for axis, unit in enumerate(np.eye(6)):
        ahead, behind = (moved(pose, cartilage.centre, sign * step * unit) for sign in (1, -1))
        slope = (cartilage.energy(ahead) - cartilage.energy(behind)) / (2 * step)
        assert -slope == pytest.approx(wrench[axis], rel=1e-4, abs=0.1)
        change = cartilage.wrench_and_stiffness(ahead)[0] - cartilage.wrench_and_stiffness(behind)[0]
        assert np.allclose(-change / (2 * step), stiffness[:, axis], rtol=1e-3, atol=1e-3 * stiffness.max())


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_bench_finds_where_tissue_and_load_balance(bench, axis, sign):
    load = sign * np.eye(6)[axis] * (200.0 if axis < 3 else 20.0)
    motion = bench.balance(load)
    pose = moved(RigidTransform.identity(), bench.tissue.centroid, motion)
    borne = bench.tissue.wrench(pose) + bench.cartilage.wrench_and_stiffness(pose)[0]
    assert np.allclose(borne[:3], -load[:3], atol=2.0)  # N
    # the moment works on the rotation vector: it turns with the sacrum, by half as much
    assert np.allclose(borne[3:], -load[3:], atol=0.1 + 0.6 * np.linalg.norm(motion[3:]) * 20.0)  # N m
    assert load @ motion > 0.0


@pytest.mark.slow
def test_the_bench_says_when_nothing_bears_the_load(pelvis):
    loose = JointBench.of(pelvis.left_hip, pelvis.sacrum, TissueParams(ligament_stiffness=0.0))
    with pytest.raises(RuntimeError, match="no balance"):
        loose.balance(np.array([-100.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
