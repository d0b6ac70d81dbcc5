"""The plant keeps its promises: stiff arm, honest clamp, no penetration, repeatable, never silent."""

import dataclasses
import time
from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.arm import ArmModel
from rafr.simulation.arrangement import arrange
from rafr.simulation.config import PlantConfig
from rafr.simulation.engine import CLAMP
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.inertia import MassConfig
from rafr.simulation.plant import PlantError
from rafr.units import to_metres, to_mm


def test_the_arm_holds_its_position_under_200_newtons(blocks):
    plant = blocks.plant()
    q0 = plant.joint_state()[0]
    free = plant.world_from("arm_base").inverse() @ plant.world_from("clamp")
    _load_the_clamp(plant, np.array([0.0, 120.0, -160.0]))
    plant.step(1500)
    loaded = plant.world_from("arm_base").inverse() @ plant.world_from("clamp")
    assert 1e3 * np.linalg.norm(loaded.translation - free.translation) < 0.05  # mm, static
    assert np.abs(plant.joint_state()[0] - q0).max() < 1e-4  # rad


@pytest.mark.parametrize("name", ["lbr_med14", "fr3"])
def test_an_arm_of_seven_joints_stays_parked_holds_10_newtons_and_follows(blocks, name):
    arm = ArmModel.named(name)
    plant = blocks.plant(docked=False, arm=name)
    assert plant.joint_names == arm.joint_names
    _load_the_clamp(plant, np.array([0.0, 6.0, -8.0]))
    plant.step(700)
    # rad; the drive's integral takes its third of a second to bear the load
    assert np.abs(plant.joint_state()[0] - arm.parked).max() < 1e-4
    plant.command_joints(arm.parked + 0.002)
    plant.step(300)
    assert np.abs(plant.joint_state()[0] - arm.parked - 0.002).max() < 1e-4


def test_a_fault_of_the_elbow_is_one_of_its_joint_whatever_the_arm(blocks):
    for name, elbow in (("ur10e", 2), ("lbr_med14", 3)):
        plant = blocks.plant(docked=False, arm=name)
        KINDS["joint-stuck"](np.random.default_rng(0)).begin(plant)
        assert plant.robot.arm.stuck == elbow


def _load_the_clamp(plant, force):
    """Hang a constant force (N, world) on the clamp, as a tool would feel it."""
    bones = plant.bones
    apply = bones.apply_forces

    def with_load():
        apply()
        plant._engine.push(CLAMP, force, np.zeros(3))

    bones.apply_forces = with_load
    plant._quiet = 0


def test_a_patient_left_alone_stays_where_it_is(blocks):
    plant = blocks.plant()
    start = plant.fragment_pose("left")
    plant.step(1000)
    assert np.linalg.norm((plant.fragment_pose("left") @ start.inverse()).translation) < 0.05  # mm


def reduce(blocks, plant, goal, seconds=4.0, settle=2.0):
    """Move the clamped fragment straight to `goal` (m), correcting by its true pose as tracking would."""
    start = to_metres(plant.fragment_pose("left"))
    T_world_ref = plant.world_from_ct("reference")
    T_fragment_clamp = start.inverse() @ T_world_ref.inverse() @ plant.world_from("clamp")
    q, correction = plant.joint_state()[0], RigidTransform.identity()
    ticks = round((seconds + settle) * 100)
    peak = 0.0
    for pose in screw_interpolate(start, goal, np.clip(np.arange(ticks) / (100 * seconds), 0, 1)):
        q = blocks.inverse(plant, T_world_ref @ correction @ pose @ T_fragment_clamp, q)
        assert q is not None
        plant.command_joints(q)
        plant.step(10)
        error = pose @ to_metres(plant.fragment_pose("left")).inverse()
        correction = RigidTransform.exp(0.03 * error.log()) @ correction
        peak = max(peak, plant.penetration())
    return peak


@pytest.mark.slow
def test_a_scripted_reduction_reaches_the_true_pose(blocks, target):
    plant = blocks.clamped()
    reduce(blocks, plant, target)
    centroid = blocks.meshes["left"].mesh.centroid
    error = plant.fragment_pose("left").apply(centroid) - blocks.target.apply(centroid)
    assert np.linalg.norm(error) < 1.0  # mm
    force = np.linalg.norm(plant.wrench()[:3])
    assert 20.0 < force < 400.0  # N; measured reduction forces are 100-300 N for whole hips


@pytest.mark.slow
def test_contact_stops_the_fragment_at_the_bone(blocks, target):
    plant = blocks.clamped()
    beyond = RigidTransform.from_translation([-0.0015, 0.0, 0.0]) @ target  # 1.5 mm into the reference
    peak = reduce(blocks, plant, beyond, seconds=3.0, settle=1.0)
    assert plant.truth().contact > 5.0  # N; the arm's strength goes into the tissue
    assert 1e3 * peak < 0.5  # mm
    _, _, contact = plant.bones.contacts[0]
    pose = plant.truth().poses["left"]
    T_reference_clamp = plant.world_from_ct("reference").inverse() @ plant.world_from("clamp")
    pull = plant.bones.fragments["left"].tissue.wrench(pose)[:3] + contact.wrench(pose)[:3]
    assert np.allclose(pull, T_reference_clamp.rotation @ plant.wrench()[:3], atol=3.0)  # N: at rest


def test_the_clamp_refuses_pins_out_of_reach(blocks):
    plant = blocks.plant(docked=False)
    assert plant.set_clamp(True, "left") == (False, "no pins in left")
    plant.insert_pins("left")
    done, why = plant.set_clamp(True, "left")
    assert not done
    assert "reach" in why
    assert plant.clamped is None


def test_closing_the_clamp_pulls_at_nothing_even_with_misplaced_pins(blocks):
    from rafr.simulation.setup import SetupConfig

    off = SetupConfig(
        table_shift=0.0, table_turn_deg=0.0, moved_mm=0.0, moved_deg=0.0, pin_mm=1.0, pin_deg=1.0
    )
    plant = blocks.plant(seed=4, setup=off)
    pins = plant.insert_pins("left")
    gap = (plant.world_from_ct("left") @ pins.T_ct_clamp).inverse() @ plant.world_from("clamp")
    assert 2e-4 < np.linalg.norm(gap.translation) < 8e-3  # m: really misplaced, still in reach
    assert plant.set_clamp(True, "left")[0]
    plant.step(300)
    assert np.linalg.norm(plant.wrench()[:3]) < 1.0  # N


@pytest.mark.slow
def test_a_fixed_fragment_keeps_its_place_when_the_clamp_opens(blocks):
    plant = blocks.clamped()
    plant.set_traction(80.0)
    plant.step(2500)
    moved = plant.fragment_pose("left")
    plant.fix_body("left")
    plant.set_clamp(False)
    plant.set_traction(0.0)
    plant.step(2500)
    drift = moved.inverse() @ plant.fragment_pose("left")
    centroid = blocks.meshes["left"].mesh.centroid
    assert np.linalg.norm(drift.apply(centroid) - centroid) < 0.3  # mm


def test_a_fixed_fragment_much_heavier_than_its_pelvis_stays_calm(blocks):
    plant = blocks.plant(masses=MassConfig(fragment=40.0, reference=5.0))
    plant.set_holding(True)
    plant.set_traction(100.0)
    plant.step(500)
    plant.fix_body("left")
    before = plant.truth().poses["left"].translation
    plant.set_traction(0.0)
    plant.step(1500)
    after = plant.truth().poses["left"].translation
    assert np.linalg.norm(after - before) < 2e-4


@pytest.mark.slow
def test_traction_pulls_the_fragment_towards_the_feet_at_its_rate(blocks):
    plant = blocks.plant()
    start = plant.fragment_pose("left").apply(blocks.meshes["left"].mesh.centroid)
    plant.set_traction(80.0)
    plant.step(500)
    assert 4.0 < plant.truth().traction < 20.5  # N: 40 N/s at most, less as the fragment gives way
    plant.step(5000)
    assert plant.truth().traction == pytest.approx(80.0, rel=0.065)  # N, less or more by friction
    moved = plant.fragment_pose("left").apply(blocks.meshes["left"].mesh.centroid) - start
    assert moved[2] < -2.0  # mm, LPS z is cranial
    plant.break_traction()
    plant.step(10)
    assert plant.truth().traction == 0.0


def test_the_holding_device_stiffens_the_pelvis(blocks):
    moved = []
    for on in (False, True):
        plant = blocks.clamped()
        plant.set_holding(on)
        start = plant.world_from_ct("reference").translation
        q = plant.joint_state()[0]
        goal = RigidTransform.from_translation([0.0, 0.0, 0.02]) @ plant.world_from("clamp")
        goal_q = blocks.inverse(plant, goal, q)
        for k in range(150):
            plant.command_joints(q + (goal_q - q) * min(1.0, k / 100))
            plant.step(10)
        moved.append(np.linalg.norm(plant.world_from_ct("reference").translation - start))
    assert moved[1] < 0.2 * moved[0]


def test_a_bumped_table_takes_the_held_pelvis_with_it(blocks):
    plant = blocks.plant()
    plant.set_holding(True)
    plant.step(300)
    before = plant.world_from_ct("reference")
    plant.bones.bump_table(np.array([2e-3, 0.0, 1e-3]), np.array([0.0, 0.0, 0.01]))
    plant.step(500)
    moved = plant.world_from_ct("reference") @ before.inverse()
    assert moved.angle == pytest.approx(0.01, abs=1e-3)
    centre = before.apply(plant.bones.inertias["reference"].centroid)
    assert moved.apply(centre) - centre == pytest.approx([2e-3, 0.0, 1e-3], abs=4e-4)  # m: tissue pulls


def test_the_base_drives_with_brakes_off_and_stays_with_brakes_on(blocks):
    plant = blocks.plant(docked=False)
    start = plant.base_state()[0]
    plant.command_base(0.2, 0.0)
    plant.step(300)
    assert np.abs(plant.base_state()[0] - start).max() < 1e-3
    plant.set_brakes(False)
    plant.step(1000)
    driven = plant.base_state()[0] - start
    assert driven[0] == pytest.approx(0.2 * 1.0 - 0.02, abs=0.03)  # m; less the ramp and the springs' lag
    plant.command_base(float("nan"), 0.0)
    plant.step(600)
    assert abs(plant.base_state()[1]) < 1e-9


@pytest.mark.parametrize("bad", [[0.0] * 5, [float("nan")] * 6])
def test_a_senseless_joint_command_is_refused(blocks, bad):
    with pytest.raises(InputError, match="joint command"):
        blocks.plant().command_joints(np.array(bad))


def test_the_same_seed_gives_the_same_history(blocks):
    from rafr.simulation.setup import SetupConfig

    def history(seed):
        plant = blocks.plant(seed=seed, docked=False, truth=False, setup=SetupConfig())
        plant.insert_pins("left")
        plant.set_traction(60.0)
        plant.step(300)
        return np.concatenate([plant.fragment_pose("left").matrix, plant.world_from_ct("reference").matrix])

    assert np.array_equal(history(5), history(5))
    assert not np.allclose(history(5), history(6))


def test_rest_costs_nothing_and_ends_with_the_next_command(blocks):
    plant = blocks.plant()
    plant.step(1200)
    assert plant.resting
    before = plant.time
    started = time.process_time()
    plant.step(100_000)
    assert plant.time == pytest.approx(before + 100.0)
    assert time.process_time() - started < 1.0  # s: 100 s of rest
    plant.command_joints(plant.joint_state()[0] + 0.01)
    assert not plant.resting


def test_a_state_that_is_not_finite_is_an_error_not_a_picture(blocks, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    plant = blocks.plant()
    plant._engine._data.qvel[0] = np.nan
    plant._quiet = 0
    with pytest.raises(PlantError, match="not finite"):
        plant.step(2)
    assert "Nan" in caplog.text  # MuJoCo's warning, which by default goes to a file in the working directory
    assert list(tmp_path.iterdir()) == []


def bounded(config, path=()):
    """(path, value out of bounds) for every number of a config and of those within it."""
    for field in dataclasses.fields(config):
        value, here = getattr(config, field.name), (*path, field.name)
        if dataclasses.is_dataclass(value):
            yield from bounded(value, here)
        elif isinstance(value, float):
            lower, upper = field.metadata["lower"], field.metadata["upper"]
            bad = [np.nan, np.inf, -np.inf, 1e300 if upper is not None else None]
            bad += [None if lower is None else lower - 1.0]
            yield from ((here, wrong) for wrong in bad if wrong is not None)


def replaced(config, path, value):
    name, *rest = path
    return replace(config, **{name: replaced(getattr(config, name), rest, value) if rest else value})


def test_no_absurd_parameter_gets_into_the_room(blocks):
    tried = list(bounded(PlantConfig()))
    assert len({path for path, _ in tried}) > 50
    for path, value in tried:
        with pytest.raises(InputError, match=path[-1]):
            arrange(blocks.case, blocks.meshes, blocks.room, None, 0, replaced(PlantConfig(), path, value))


def test_time_does_not_run_backwards(blocks):
    with pytest.raises(InputError, match="-1 ms"):
        blocks.plant(docked=False).step(-1)


def test_a_long_step_is_watched_all_the_way(blocks):
    plant = blocks.plant(docked=False)
    plant.set_traction(100.0)
    plant._engine._data.qvel[0] = np.nan
    with pytest.raises(PlantError, match=r"not finite at t = 0\.01"):
        plant.step(1_000_000)


def test_a_bone_flying_off_is_an_error(blocks):
    plant = blocks.plant(max_excursion=0.05)
    body = plant._engine._model.joint("left_free")
    plant._engine._data.qvel[int(body.dofadr[0])] = 50.0
    plant._quiet = 0
    with pytest.raises(PlantError, match="left has"):
        plant.step(20)


def test_loose_pins_give_way(blocks):
    reached = []
    for loose in (False, True):
        plant = blocks.clamped()
        if loose:
            plant.loosen_pins("left")
        q = plant.joint_state()[0]
        goal_q = blocks.inverse(
            plant, RigidTransform.from_translation([0.015, 0, 0]) @ plant.world_from("clamp"), q
        )
        start = plant.fragment_pose("left")
        for k in range(150):
            plant.command_joints(q + (goal_q - q) * min(1.0, k / 100))
            plant.step(10)
        centroid = blocks.meshes["left"].mesh.centroid
        reached.append(np.linalg.norm(plant.fragment_pose("left").apply(centroid) - start.apply(centroid)))
    assert reached[1] < reached[0] - 0.5  # mm


def test_pins_give_way_to_more_than_their_threads_bear(blocks):
    plant = blocks.clamped(pin_force=150.0)
    q, _ = plant.joint_state()
    bushing = plant.pins()["left"].bushing
    assert bushing.play == 0.0
    for k in range(150):  # pull until they do
        plant.command_joints(q - 4e-4 * k * np.eye(6)[1])
        plant.step(10)
    loose = plant.pins()["left"].bushing
    assert loose.play == plant.config.pin_play
    assert loose.stiffness == pytest.approx(plant.config.pin_remains * bushing.stiffness)


def test_the_pelvis_slides_in_the_holding_device_under_more_than_it_holds(blocks):
    def way(force):
        plant = blocks.plant(docked=False)
        plant.set_holding(True)
        start = plant.world_from_ct("reference").translation
        held = plant.bones._held
        push = np.array([0.0, 0.0, -force, 0.0, 0.0, 0.0])
        plant.bones._held = lambda wrench: held(wrench + push)
        for _ in range(40):
            plant.step(10)
        plant.bones._held = held
        plant.step(600)
        return np.linalg.norm(plant.world_from_ct("reference").translation - start)

    assert way(700.0) < 2e-4  # m: springs back
    assert way(1500.0) > 2e-3


def test_a_stuck_joint_does_not_follow(blocks):
    plant = blocks.plant()
    q = plant.joint_state()[0]
    plant.stick_joint(2)
    for k in range(50):
        plant.command_joints(q + 0.001 * (k + 1))
        plant.step(10)
    moved = plant.joint_state()[0] - q
    assert abs(moved[2]) < 2e-3
    assert moved[0] == pytest.approx(0.05, abs=5e-3)


@pytest.mark.slow
def test_the_wrench_is_what_the_tissue_pulls(blocks, target):
    """Static: force of the fragment on the tool = tissue's wrench on the fragment (no contact)."""
    plant = blocks.clamped()
    half = RigidTransform.from_translation(0.5 * target.translation)
    reduce(blocks, plant, half, seconds=2.0, settle=1.5)
    tissue = plant.bones.fragments["left"].tissue.wrench(plant.truth().poses["left"])
    T_world_ref, T_world_clamp = plant.world_from_ct("reference"), plant.world_from("clamp")
    expected = T_world_clamp.rotation.T @ T_world_ref.rotation @ tissue[:3]
    assert np.allclose(plant.wrench()[:3], expected, atol=1.0)  # N
    assert np.linalg.norm(expected) > 10.0


def test_poses_are_in_millimetres_and_metres_as_named(blocks):
    plant = blocks.plant()
    assert np.allclose(to_mm(plant.truth().poses["left"]).matrix, plant.fragment_pose("left").matrix)
