"""Cables: wrench, stiffness, energy and the optimiser's expressions belong together."""

import casadi as ca
import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.symbolic import tissue_energy, tissue_wrench, wrench_function
from rafr.tissue.tension import TensionLaw, TensionLaws

BODY, LEG, GROUND = Rider.BODY, Rider.LEG, Rider.GROUND
# a ligament, a muscle over a via point, a muscle from the trunk to the leg, one from body to leg, bedding
KINDS = ((GROUND, BODY), (GROUND, BODY, LEG), (GROUND, GROUND, LEG), (BODY, LEG, LEG), (BODY, GROUND))


def tissue(seed=0, n=20, activation=0.0, damping=20.0):
    rng = np.random.default_rng(seed)
    cables, laws = [], []
    for k in range(n):
        riders = KINDS[k % len(KINDS)]
        points = np.cumsum(rng.normal(0, 0.05, (len(riders), 3)), axis=0)
        length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
        bedding = k % len(KINDS) == 4
        cables.append(Cable(f"c{k}", points, riders, 0.0 if bedding else 0.8 * length))
        limit = rng.uniform(50, 400)
        if k % 2 and not bedding:
            muscle = {"passive": 2.0, "growth": 60.0, "straight": 0.05}
            laws.append(TensionLaw(limit, **muscle, active=activation * 300.0, peak=0.01, width=0.06))
        else:
            laws.append(TensionLaw(limit, rng.uniform(500, 5000), 0.0 if bedding else 0.01))
    return TissueModel(
        tuple(cables),
        TensionLaws.of(laws),
        np.array([0.02, -0.01, 0.03]),
        np.full(n, damping),
        np.array([0.05, 0.04, -0.06]),
        np.array([0.06, 0.04, -0.05]),
        linear_damping=100.0,
        angular_damping=1.0,
    )


def moved(model, pose, step):
    """The pose after a small motion (translation of the centroid, rotation vector)."""
    centre = pose.apply(model.centroid)
    turn = RigidTransform.about_point(step[3:], centre)
    return RigidTransform.from_translation(step[:3]) @ turn @ pose


def derivative(f, model, pose, h):
    """Central differences (…, 6)."""
    columns = [(f(moved(model, pose, h * e)) - f(moved(model, pose, -h * e))) / (2 * h) for e in np.eye(6)]
    return np.stack(columns, axis=-1)


POSES = [RigidTransform.exp(0.02 * np.random.default_rng(k).normal(size=6)) for k in range(4)]


@pytest.mark.parametrize("activation", [0.0, 0.5])
@pytest.mark.parametrize("pose", POSES)
def test_wrench_is_the_negative_gradient_of_the_energy(pose, activation):
    model = tissue(activation=activation)
    gradient = derivative(model.energy, model, pose, 1e-6)
    assert np.allclose(model.wrench(pose), -gradient, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("activation", [0.0, 0.5])
@pytest.mark.parametrize("pose", POSES)
def test_stiffness_is_the_negative_derivative_of_the_wrench(pose, activation):
    model = tissue(activation=activation)
    wrench, stiffness = model.wrench_and_stiffness(pose)
    assert np.allclose(wrench, model.wrench(pose))
    # the torque's arm turns with the body: both wrenches are about the moved centroid, as documented
    numeric = -derivative(model.wrench, model, pose, 1e-7)
    assert np.allclose(stiffness, numeric, atol=1e-4 * np.abs(stiffness).max())


def test_bedding_at_rest_is_as_stiff_across_as_along():
    cable = Cable("bedding", np.zeros((2, 3)), (BODY, GROUND), 0.0)
    model = TissueModel((cable,), TensionLaws.of([TensionLaw(100.0, 4e3)]), np.zeros(3), np.zeros(1))
    _, stiffness = model.wrench_and_stiffness(RigidTransform.identity())
    assert stiffness == pytest.approx(np.diag([4e3] * 3 + [0.0] * 3))


@pytest.mark.parametrize("activation", [0.0, 0.5])
@pytest.mark.parametrize("pose", POSES)
def test_the_optimisers_expressions_are_the_same_tissue(pose, activation):
    model = tissue(activation=activation)
    R, t = ca.DM(pose.rotation), ca.DM(pose.translation)
    assert np.array(tissue_wrench(model, R, t)).ravel() == pytest.approx(model.wrench(pose), abs=1e-5)
    assert float(tissue_energy(model, R, t)) == pytest.approx(model.energy(pose), abs=1e-6)


def test_the_optimisers_derivative_agrees_with_the_stiffness():
    model = tissue()
    step = np.array([0.004, -0.003, 0.006, 0.02, -0.05, 0.03])
    pose = moved(model, RigidTransform.identity(), step)
    wrench, minus_jacobian = (np.array(v) for v in wrench_function(model)(step))
    expected, stiffness = model.wrench_and_stiffness(pose)
    assert wrench.ravel() == pytest.approx(expected, abs=1e-5)
    # a rotation vector's derivative is a spin only at zero: translations compare directly
    assert minus_jacobian[:, :3] == pytest.approx(stiffness[:, :3], abs=1e-4 * np.abs(stiffness).max())
    at_rest = np.array(wrench_function(model)(np.zeros(6))[1])
    _, stiffness = model.wrench_and_stiffness(RigidTransform.identity())
    assert at_rest == pytest.approx(stiffness, abs=1e-4 * np.abs(stiffness).max())


def test_a_force_on_the_leg_arrives_at_the_hip_centre():
    """A muscle from the trunk to the thigh pulls the body at its acetabulum, wherever it takes hold."""
    model = TissueModel(
        (Cable("psoas", np.array([[0.0, 0, 0.2], [0.0, 0, -0.1]]), (GROUND, LEG), 0.29),),
        TensionLaws.of([TensionLaw(1e3, 1e4)]),
        np.zeros(3),
        np.zeros(1),
        hip=np.array([0.05, 0.0, 0.0]),
        hip_at=np.array([0.05, 0.0, 0.0]),
    )
    assert model.wrench(RigidTransform.identity()) == pytest.approx([0, 0, 100.0, 0, -5.0, 0])
    # the leg keeps its direction: turning the body about the hip centre changes nothing but the arm
    turned = RigidTransform.about_point([0.0, 0.0, 1.0], [0.05, 0.0, 0.0])
    assert model.wrench(turned)[:3] == pytest.approx([0, 0, 100.0])


def test_a_slack_cable_does_not_push():
    model = TissueModel(
        (Cable("one", np.array([[0.0, 0, 0], [0.05, 0, 0]]), (BODY, GROUND), 0.10),),
        TensionLaws.of([TensionLaw(500.0, 1e4, 0.01)]),
        np.zeros(3),
        np.array([10.0]),
    )
    assert np.all(model.wrench(RigidTransform.identity()) == 0.0)
    # however fast it is stretched while slack
    assert np.all(model.wrench(RigidTransform.identity(), np.array([-1.0, 0, 0, 0, 0, 0])) == 0.0)


def test_a_tissue_without_cables_does_nothing():
    model = TissueModel((), TensionLaws.of([]), np.zeros(3), np.zeros(0))
    assert np.all(model.wrench(POSES[0], np.ones(6)) == 0.0)
    assert model.energy(POSES[0]) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_damping_only_takes_energy_away(seed):
    model = tissue(damping=200.0)
    rng = np.random.default_rng(seed)
    pose = RigidTransform.exp(0.02 * rng.normal(size=6))
    twist = 0.02 * rng.normal(size=6)
    damping = model.wrench(pose, twist) - model.wrench(pose)
    assert damping @ twist < 0


def test_a_cable_is_damped_as_its_fibres_straighten():
    toe, along = 0.01, np.array([-1e-4, 0, 0, 0, 0, 0])  # m, m/s: slowly, against its tension
    model = TissueModel(
        (Cable("one", np.array([[0.0, 0, 0], [0.10, 0, 0]]), (BODY, GROUND), 0.10),),
        TensionLaws.of([TensionLaw(500.0, 1e4, toe)]),
        np.zeros(3),
        np.array([200.0]),
    )

    def damping(elongation):
        pose = RigidTransform.from_translation((-elongation, 0.0, 0.0))
        return (model.wrench(pose, along) - model.wrench(pose))[0] / 1e-4

    found = [damping(e) for e in (1e-3, 5e-3, 10e-3, 15e-3)]
    assert found == pytest.approx([20.0, 100.0, 200.0, 200.0], rel=1e-6)
    assert damping(-1e-3) == 0.0


@pytest.mark.parametrize("seed", range(10))
def test_force_is_bounded_for_any_displacement(seed):
    model = tissue()
    rng = np.random.default_rng(seed)
    pose = RigidTransform.exp(rng.normal(size=6) * 10.0 ** rng.uniform(-3, 1))
    wrench = model.wrench(pose)
    assert np.isfinite(wrench).all()
    # a cable may pull at two points of its path
    assert np.linalg.norm(wrench[:3]) <= 2 * model.laws.limit.sum()
