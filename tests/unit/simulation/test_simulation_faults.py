"""Each injected fault really changes what it says it changes, from its moment on and not before."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.simulation.faults import FAULTS, FaultConfig, FaultInjector, parse_faults
from rafr.simulation.faults.fault import Fault
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.sensors import ToolReading, TrackerFrame


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


def test_every_fault_says_what_it_is_and_changes_something():
    for name, kind in KINDS.items():
        assert len(FAULTS[name]) > 10
        hooks = {"begin", "frames", "wrench", "commands"}
        assert kind.reaches_arm != Fault.reaches_arm or hooks & set(vars(kind))


def test_fault_names():
    assert parse_faults("tracker-nan, wrench-nan") == ("tracker-nan", "wrench-nan")
    assert parse_faults("") == ()
    with pytest.raises(InputError, match="tracker-frozen"):
        parse_faults("tracker-frozen")
    assert all(name == name.lower() and " " not in name for name in FAULTS)
