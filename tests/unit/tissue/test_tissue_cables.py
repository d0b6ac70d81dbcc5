"""Springs: wrench, stiffness and energy belong together; nothing is ever absurd."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.tissue.springs import TissueModel


def springs(seed=0, n=20):
    rng = np.random.default_rng(seed)
    point = rng.normal(0, 0.05, (n, 3))
    anchor = point + rng.normal(0, 0.08, (n, 3))
    rest = 0.6 * np.linalg.norm(anchor - point, axis=1)
    rest[: n // 4] = 0.0  # bedding
    toe = np.where(rest > 0, 0.01, 0.0)
    return TissueModel(
        tuple(f"s{i}" for i in range(n)),
        point,
        anchor,
        rest,
        rng.uniform(500, 5000, n),
        toe,
        rng.uniform(50, 400, n),
        np.full(n, 20.0),
        point.mean(axis=0),
        linear_damping=100.0,
        angular_damping=1.0,
    )


def moved(model, pose, step):
    """The pose after a small motion (translation of the centroid, rotation vector)."""
    centre = pose.apply(model.centroid)
    turn = RigidTransform.about_point(step[3:], centre)
    return RigidTransform.from_translation(step[:3]) @ turn @ pose


POSES = [RigidTransform.exp(0.02 * np.random.default_rng(k).normal(size=6)) for k in range(4)]


@pytest.mark.parametrize("pose", POSES)
def test_wrench_is_the_negative_gradient_of_the_energy(pose):
    model = springs()
    h = 1e-6
    gradient = [
        (model.energy(moved(model, pose, h * e)) - model.energy(moved(model, pose, -h * e))) / (2 * h)
        for e in np.eye(6)
    ]
    assert np.allclose(model.wrench(pose), -np.array(gradient), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("pose", POSES)
def test_stiffness_is_the_negative_derivative_of_the_wrench(pose):
    model = springs()
    h = 1e-7
    # the torque's arm turns with the body: both wrenches are about the moved centroid, as documented
    columns = [
        (model.wrench(moved(model, pose, h * e)) - model.wrench(moved(model, pose, -h * e))) / (2 * h)
        for e in np.eye(6)
    ]
    wrench, stiffness = model.wrench_and_stiffness(pose)
    assert np.allclose(wrench, model.wrench(pose))
    scale = np.abs(stiffness).max()
    assert np.allclose(stiffness, -np.array(columns).T, atol=1e-4 * scale)


def test_a_slack_spring_does_not_push():
    model = TissueModel(
        ("one",),
        np.zeros((1, 3)),
        np.array([[0.05, 0, 0]]),
        np.array([0.10]),
        np.array([1e4]),
        np.array([0.01]),
        np.array([500.0]),
        np.array([10.0]),
        np.zeros(3),
    )
    assert np.all(model.wrench(RigidTransform.identity()) == 0.0)
    # however fast it is stretched while slack
    assert np.all(model.wrench(RigidTransform.identity(), np.array([-1.0, 0, 0, 0, 0, 0])) == 0.0)


def test_tension_follows_toe_line_and_plateau():
    model = TissueModel(
        ("one",),
        np.zeros((1, 3)),
        np.array([[0.10, 0, 0]]),
        np.array([0.10]),
        np.array([1e4]),
        np.array([0.01]),
        np.array([200.0]),
        np.array([0.0]),
        np.zeros(3),
    )
    pull = [
        model.wrench(RigidTransform.from_translation([-x, 0.0, 0.0]))[0] for x in (0.005, 0.01, 0.02, 0.1)
    ]
    assert pull == pytest.approx([12.5, 50.0, 150.0, 200.0])  # k x^2 / 2 toe; k (x - toe / 2); limit


@pytest.mark.parametrize("seed", range(5))
def test_damping_only_takes_energy_away(seed):
    model = springs()
    rng = np.random.default_rng(seed)
    pose = RigidTransform.exp(0.02 * rng.normal(size=6))
    twist = 0.02 * rng.normal(size=6)
    damping = model.wrench(pose, twist) - model.wrench(pose)
    assert damping @ twist < 0


@pytest.mark.parametrize("seed", range(10))
def test_force_is_bounded_for_any_displacement(seed):
    model = springs()
    rng = np.random.default_rng(seed)
    pose = RigidTransform.exp(rng.normal(size=6) * 10.0 ** rng.uniform(-3, 1))
    wrench = model.wrench(pose)
    assert np.isfinite(wrench).all()
    assert np.linalg.norm(wrench[:3]) <= model.max_tension.sum()
