"""Host time of an exposure from a device's clock that is off, drifts, is set, and whose frames come late."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.tracking.clock import ClockConfig, DeviceClock, lower_line

START = 1.7e9  # s, the host's clock; double precision there is 0.24 us
LEAST = 0.008  # s, least delay of these tests


def stream(seconds, rate=60.0, drift=0.0, jitter=0.003, seed=0):
    """True exposure, device time, arrival (n,), s."""
    true = np.arange(0.0, seconds, 1.0 / rate)
    arrival = true + LEAST + np.random.default_rng(seed).exponential(jitter, len(true))
    return START + true, 1234.0 + true / (1.0 + drift), START + np.maximum.accumulate(arrival)


def stamps(clock, device, arrival):
    return np.array([clock.stamp(d, a) for d, a in zip(device, arrival, strict=True)])


@pytest.mark.parametrize("drift", [-1.5e-4, 0.0, 1e-4])
def test_offset_and_drift_are_found_and_stamps_lie_at_the_exposure_plus_the_least_delay(drift):
    true, device, arrival = stream(120.0, drift=drift)
    clock = DeviceClock()
    error = stamps(clock, device, arrival) - true - LEAST
    # jitter of 3 ms on average; the earliest of n frames is 3 / n ms late
    assert np.abs(error[60 * 5 :]).max() < 0.5e-3
    assert np.abs(error[60 * 60 :]).max() < 0.05e-3
    assert clock.drift == pytest.approx(drift, abs=1e-6)
    assert clock.restarts == 0


def test_stamps_do_not_jitter_with_the_arrivals():
    true, device, arrival = stream(60.0)
    jitter = np.diff(stamps(DeviceClock(), device, arrival)) - np.diff(true)
    assert np.std(np.diff(arrival)) > 2e-3
    assert np.std(jitter[600:]) < 0.02e-3


def test_a_hub_that_delivers_at_3_hz_costs_the_age_of_its_frames_but_not_their_stamps():
    true = np.arange(0.0, 60.0, 1.0 / 61.0)  # not in step with the hub
    arrival = START + np.ceil((true + LEAST) * 3.0) / 3.0
    clock = DeviceClock()
    error = stamps(clock, true, arrival) - (START + true) - LEAST
    assert (arrival - START - true).max() > 0.33
    assert (
        np.abs(error[61 * 20 :]).max() < 3e-3
    )  # the burst's last frame waits 0..16 ms, the least of them near 0
    assert clock.restarts == 0


@pytest.mark.parametrize("device_step", [-1000.0, -5.0, 5.0, 1e6])
def test_a_device_whose_clock_is_set_is_learnt_anew_and_said(device_step):
    true, device, arrival = stream(40.0)
    device = device + np.where(true >= START + 20.0, device_step, 0.0)
    clock = DeviceClock()
    error = np.abs(stamps(clock, device, arrival) - true - LEAST)
    assert clock.restarts == 1
    assert "clock" in clock.said
    assert error[60 * 30 :].max() < 0.5e-3


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_a_network_that_stalls_and_delivers_all_at_once_is_no_set_clock(seconds):
    true, device, arrival = stream(40.0)
    stalled = (true > START + 20.0) & (true < START + 20.0 + seconds)
    arrival[stalled] = START + 20.0 + seconds
    clock = DeviceClock()
    error = np.abs(stamps(clock, device, arrival) - true - LEAST)
    assert clock.restarts == 0
    assert error[60 * 10 :].max() < 0.5e-3  # also of the frames that came seconds late


def test_a_route_that_became_longer_for_good_is_learnt_anew_after_the_patience():
    true, device, arrival = stream(40.0)
    arrival = arrival + np.where(true >= START + 20.0, 0.8, 0.0)
    clock = DeviceClock()
    stamps(clock, device, arrival)
    assert clock.restarts == 1
    assert "late" in clock.said


def test_a_host_clock_that_is_set_back_is_learnt_anew():
    true, device, arrival = stream(20.0)
    arrival = arrival - np.where(true >= START + 10.0, 0.3, 0.0)
    clock = DeviceClock()
    assert np.all(stamps(clock, device, arrival) <= arrival)
    assert clock.restarts == 1
    assert "host" in clock.said


def test_a_frame_without_device_time_is_stamped_with_its_arrival_less_the_latency():
    assert DeviceClock().stamp(None, START) == START
    assert DeviceClock(ClockConfig(clock_latency=0.01)).stamp(None, START) == START - 0.01


def test_a_repeated_device_time_gets_its_stamp_again():
    clock = DeviceClock()
    _, device, arrival = stream(10.0)
    before = stamps(clock, device, arrival)
    assert clock.stamp(device[-1], arrival[-1] + 0.05) == pytest.approx(before[-1], abs=1e-6)


def test_the_line_below_points_touches_them_and_bounds_its_slope():
    points = [(0.0, 1.0), (1.0, 0.5), (2.0, 2.0), (3.0, 0.7), (4.0, 3.0)]
    slope, intercept = lower_line(points, 1.0)
    assert min(y - slope * x - intercept for x, y in points) == pytest.approx(0.0, abs=1e-12)
    # no line below them is nearer, by trial
    total = sum(y - slope * x - intercept for x, y in points)
    for other in np.linspace(-1.0, 1.0, 201):
        b = min(y - other * x for x, y in points)
        assert sum(y - other * x - b for x, y in points) >= total - 1e-9
    assert abs(lower_line(points, 0.05)[0]) <= 0.05
    assert lower_line([(0.0, 3.0)], 1.0) == (0.0, 3.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"clock_latency": 0.002},
        {"clock_window": 3.0},
        {"clock_bin": 0.1},
        {"clock_max_drift": 1e-5},
        {"clock_jump": 0.05},
        {"clock_patience": 0.2},
    ],
)
def test_every_option_changes_what_is_stamped(changed):
    true, device, arrival = stream(30.0, drift=1e-4, jitter=0.02)
    arrival = arrival + np.where((true > START + 15.0) & (true < START + 17.0), 0.7, 0.0)
    default = ClockConfig()
    assert not np.array_equal(
        stamps(DeviceClock(default), device, arrival),
        stamps(DeviceClock(replace(default, **changed)), device, arrival),
    )
