"""Each injected fault really changes what it says it changes, from its moment on and not before."""

import re

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.simulation.faults import FAULTS, FaultConfig, FaultInjector, parse_faults
from rafr.simulation.faults.fault import Fault
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.sensors import ArmReading, ToolReading, TrackerFrame


def frame(number=1):
    reference, fragment = (RigidTransform.from_translation([x, 0, 1]) for x in (0.0, 0.2))
    tools = (ToolReading("reference", reference, 1e-4), ToolReading("fragment_left", fragment, 1e-4))
    return TrackerFrame(0.1 * number, number, tools)


def seen(injector, number=1, t=None):
    """What a frame becomes."""
    return injector.frames([frame(number)], 0.1 * number if t is None else t)[0].frame


def places(delivered):
    return {t.name: t.T_tracker_marker.translation for t in delivered.tools}


@pytest.fixture(scope="module")
def clamped(blocks):
    """For faults that leave the plant as it is."""
    return blocks.clamped()


@pytest.fixture
def injected(blocks, clamped):
    """A room in which a fault has just happened: (injector, plant)."""

    def make(name):
        plant = clamped if KINDS.get(name, Fault).begin is Fault.begin else blocks.clamped()
        injector = FaultInjector((name,), FaultConfig(earliest=1.0, latest=2.0), np.random.default_rng(0))
        assert injector.update(0.0, plant) == ()
        assert injector.update(0.9, plant) == ()  # not before its time
        assert injector.update(2.0, plant) == (name,)
        assert injector.active == {name}
        return injector, plant

    return make


def test_a_fault_waits_for_the_clamp(blocks):
    injector = FaultInjector(("wrench-nan",), FaultConfig(0.0, 0.0), np.random.default_rng(0))
    plant = blocks.plant()
    assert injector.update(100.0, plant) == ()
    assert np.isfinite(injector.wrench(np.ones(6), 100.0)).all()


def test_a_frozen_tracker_repeats_number_and_pose(injected):
    injector, _ = injected("tracker-freeze")
    first, second = (injector.frames([frame(n)], 0.1 * n)[0].frame for n in (7, 8))
    assert second.number == first.number == 7
    assert np.array_equal(
        second.tools[0].T_tracker_marker.translation, first.tools[0].T_tracker_marker.translation
    )
    assert second.stamp > first.stamp


def test_a_drop_takes_the_fragment_only(injected):
    injector, _ = injected("tracker-drop")
    tools = {t.name: t.T_tracker_marker for t in seen(injector).tools}
    assert tools["fragment_left"] is None
    assert tools["reference"] is not None


def test_a_damaged_tool_file_calls_nan_valid(injected):
    injector, _ = injected("tracker-nan")
    faulty = injector.frames([frame()], 0.1)[0]
    assert faulty.unseen_is_valid
    assert all(t.T_tracker_marker is None for t in faulty.frame.tools)


def test_wrench_faults(injected):
    injector, _ = injected("wrench-nan")
    assert np.isnan(injector.wrench(np.ones(6), 3.0)).all()
    injector, _ = injected("wrench-spike")
    read = [injector.wrench(np.ones(6), 3.0 + 0.01 * k)[0] for k in range(100)]
    assert sum(r > 500 for r in read) == 2  # twice a second


def test_plant_faults_change_the_plant(injected):
    _, plant = injected("traction-break")
    plant.set_traction(50.0)
    plant.step(200)
    assert plant.truth().traction == 0.0
    before = injected("tracker-nan")[1].bones.fragments["left"].pins.bushing.stiffness
    after = injected("pin-loosen")[1].bones.fragments["left"].pins.bushing.stiffness
    assert np.all(after < 0.1 * before)
    assert injected("joint-stuck")[1].robot.arm.stuck == 2
    assert not injected("arm-connection-lost")[0].arm_connected


def test_a_bumped_marker_jumps_once_and_stays(injected):
    injector, _ = injected("tracker-jump")
    for number in (1, 20):
        moved = places(seen(injector, number))
        assert moved["reference"] == pytest.approx([0.0, 0.0, 1.0])
        assert moved["fragment_left"] == pytest.approx([0.208, 0.0, 1.0])


def test_a_slipping_marker_drifts_with_time(injected):
    injector, _ = injected("tracker-drift")
    drift = [places(seen(injector, n))["fragment_left"][1] for n in (10, 20, 30)]
    assert np.diff(drift) == pytest.approx([5e-4, 5e-4])
    assert drift[0] == 0.0


def test_swapped_tools_have_each_others_poses(injected):
    injector, _ = injected("tracker-swap")
    swapped = places(seen(injector))
    assert swapped["reference"] == pytest.approx([0.2, 0.0, 1.0])
    assert swapped["fragment_left"] == pytest.approx([0.0, 0.0, 1.0])


def test_late_frames_keep_their_stamp_and_order(injected):
    injector, _ = injected("tracker-late")
    arrivals = []
    for now in np.arange(0.1, 1.05, 0.1):
        arrivals += [(now, item.frame) for item in injector.frames([frame(round(10 * now))], now)]
    assert [f.number for _, f in arrivals] == list(range(1, len(arrivals) + 1))
    assert all(now - f.stamp == pytest.approx(0.4, abs=1e-6) for now, f in arrivals)


def test_a_biased_sensor_is_off_by_the_same_always(injected):
    injector, _ = injected("wrench-bias")
    off = [injector.wrench(np.full(6, k), k) - k for k in (1.0, 2.0)]
    assert np.linalg.norm(off[0]) == pytest.approx(40.0)
    assert np.array_equal(off[0], off[1])


def test_a_frozen_sensor_repeats_itself(injected):
    injector, _ = injected("wrench-freeze")
    assert np.array_equal(injector.wrench(np.ones(6), 1.0), injector.wrench(np.zeros(6), 1.1))


def sent(injector, count=200):
    """Commands 0, 1, 2, … sent every 10 ms: [(when, which)] of those that arrive."""
    return [
        (0.01 * k, int(q[0]))
        for k in range(count)
        for q in injector.commands([np.full(6, float(k))], 0.01 * k)
    ]


def test_a_lagging_arm_gets_every_command_late(injected):
    arrivals = sent(injected("arm-lag")[0])
    assert [which for _, which in arrivals] == list(range(len(arrivals)))
    assert all(when - 0.01 * which == pytest.approx(0.25, abs=0.011) for when, which in arrivals)


def test_a_stopped_arm_gets_nothing_but_is_there(injected):
    injector, _ = injected("arm-limit")
    assert sent(injector) == []
    assert injector.arm_connected


def test_a_bad_line_loses_three_commands_in_ten(injected):
    arrivals = [which for _, which in sent(injected("network-drop")[0], 1000)]
    assert arrivals == sorted(arrivals)
    assert len(arrivals) == pytest.approx(700, abs=60)  # four standard deviations


def test_overtaking_commands_arrive_in_swapped_pairs(injected):
    assert [which for _, which in sent(injected("network-reorder")[0], 6)] == [1, 0, 3, 2, 5, 4]


def reading(k):
    q = np.full(6, float(k))
    return ArmReading(0.01 * k, q, q, 0.01 * k, q)


def read(injector, count=60):
    """Arm readings 0, 1, 2, … every 10 ms: [(when, what arrives)]."""
    return [(0.01 * k, r) for k in range(count) for r in injector.readings([reading(k)], 0.01 * k)]


def test_a_delayed_line_delays_both_ways_and_keeps_stamps(injected):
    injector, _ = injected("network-delay")
    late = [when - r.stamp for when, r in read(injector)]
    assert late == pytest.approx([0.2] * len(late), abs=1e-6)
    assert len(late) == 40
    assert [when - 0.01 * which for when, which in sent(injector, 50)] == pytest.approx([0.2] * 30, abs=1e-6)
    assert injector.frames([frame(50)], 5.0) == []
    assert [item.frame.number for item in injector.frames([], 5.21)] == [50]


@pytest.mark.parametrize(("name", "by"), [("clock-forward", 5.0), ("clock-back", -5.0)])
def test_a_leaping_clock_moves_every_stamp_of_the_devices(injected, name, by):
    injector, _ = injected(name)
    _, shifted = read(injector, 1)[0]
    assert (shifted.stamp, shifted.wrench_stamp) == (by, by)
    assert seen(injector, 7).stamp == pytest.approx(0.7 + by)


def test_stamps_of_one_stream_may_be_hours_late(injected):
    three_hours = pytest.approx(-3 * 3600.0)
    joints, wrench = (read(injected(name)[0], 1)[0][1] for name in ("joints-old", "wrench-old"))
    assert (joints.stamp, joints.wrench_stamp) == (three_hours, 0.0)
    assert (wrench.stamp, wrench.wrench_stamp) == (0.0, three_hours)
    assert seen(injected("tracker-old")[0], 1).stamp == pytest.approx(0.1 - 3 * 3600.0)


def test_readings_overtake_each_other(injected):
    joints = [round(100 * r.stamp) for _, r in read(injected("joints-reorder")[0], 6)]
    assert joints == [1, 0, 3, 2, 5, 4]
    wrenches = [round(100 * r.wrench_stamp) for _, r in read(injected("wrench-reorder")[0], 6)]
    assert wrenches == [0, 0, 2, 2, 4, 4]
    injector, _ = injected("tracker-reorder")
    numbers = [i.frame.number for n in range(6) for i in injector.frames([frame(n)], 0.1 * n)]
    assert numbers == [1, 0, 3, 2, 5, 4]


def test_frozen_joints_repeat_with_new_stamps(injected):
    arrived = [r for _, r in read(injected("joint-freeze")[0], 5)]
    assert all(np.array_equal(r.q, arrived[0].q) for r in arrived)
    assert np.all(np.diff([r.stamp for r in arrived]) > 0)


def test_a_broken_pin_leaves_the_other_alone_and_the_fragment_turns_more_easily(injected):
    whole = injected("tracker-nan")[1].bones.fragments["left"].pins
    _, plant = injected("pin-break")
    left = plant.bones.fragments["left"].pins
    assert len(left.pins) == len(whole.pins) - 1
    assert np.all(left.bushing.stiffness < 0.6 * whole.bushing.stiffness)
    plant.step(200)  # and the patient's tissue does not throw it about


def test_a_runaway_winch_pulls_as_hard_as_it_can_and_is_deaf(injected):
    _, plant = injected("traction-surge")
    plant.step(1500)
    plant.set_traction(0.0)
    plant.step(500)
    assert plant.truth().traction > 370.0  # N, of 400, less 6 % friction as the leg runs back


def test_stiff_tissue_pulls_no_more_where_it_became_stiff_and_three_times_as_much_further_on(injected):
    _, plant = injected("tissue-stiff")
    fragment, pose = plant.bones.fragments["left"], plant.truth().poses["left"]
    (more,) = fragment.disturbances
    still = np.zeros(6)
    assert more(pose, still) == pytest.approx(np.zeros(6), abs=1e-9)
    away = RigidTransform.from_translation([0.0, 0.0, -0.004]) @ pose
    modelled = fragment.tissue.wrench(away) - fragment.tissue.wrench(pose)
    assert np.linalg.norm(modelled[:3]) > 1.0  # N: there is something to multiply
    assert more(away, still) == pytest.approx(2.0 * modelled)


def test_an_unplanned_band_is_slack_at_first_and_then_pulls_back(injected):
    _, plant = injected("ligament-unplanned")
    pose = plant.truth().poses["left"]
    (pull,) = plant.bones.fragments["left"].disturbances
    still = np.zeros(6)
    slack, taut = (RigidTransform.from_translation([0.0, d, 0.0]) @ pose for d in (0.0019, 0.004))
    assert np.array_equal(pull(slack, still), still)
    assert pull(taut, still)[:3] == pytest.approx([0.0, -160.0, 0.0], abs=1e-6)  # N: 2 mm at 80 N/mm


def test_slipping_brakes_let_the_base_roll_some_millimetres(injected):
    _, plant = injected("base-slip")
    start = plant.base_state()[0]
    plant.step(1000)
    rolled = np.linalg.norm(plant.base_state()[0][:2] - start[:2])
    assert rolled == pytest.approx(6e-3, abs=5e-4)  # m: the floor gives a little


def test_every_fault_says_what_it_is_and_changes_something():
    for name, kind in KINDS.items():
        assert len(FAULTS[name]) > 10
        hooks = ("begin", "frames", "readings", "wrench", "commands", "muscles", "lifting")
        changes = any(getattr(kind, hook) is not getattr(Fault, hook) for hook in hooks)
        assert kind.reaches_arm != Fault.reaches_arm or changes
        assert re.compile(kind.said).pattern, f"{name} has no words by which a reason names it"


def test_fault_names():
    assert parse_faults("tracker-nan, wrench-nan") == ("tracker-nan", "wrench-nan")
    assert parse_faults("") == ()
    with pytest.raises(InputError, match="tracker-frozen"):
        parse_faults("tracker-frozen")
    assert all(name == name.lower() and " " not in name for name in FAULTS)
