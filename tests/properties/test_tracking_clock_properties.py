"""What holds of the device's clock whatever arrives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.tracking.clock import ClockConfig, DeviceClock

delays = st.lists(st.floats(0.0, 0.4), min_size=2, max_size=120)
drifts = st.floats(-1.9e-4, 1.9e-4)
offsets = st.floats(-1e6, 1e6)


def exposures(delays, drift, offset, period):
    true = 1e5 + period * np.arange(len(delays))
    return true, offset + true / (1.0 + drift), true + np.array(delays)


@given(delays, drifts, offsets, st.floats(0.004, 0.5))
@settings(max_examples=200, deadline=None)
def test_stamps_never_follow_the_arrival_nor_precede_the_exposure_and_never_go_back(
    delays, drift, offset, period
):
    true, device, arrival = exposures(delays, drift, offset, period)
    arrival = np.maximum.accumulate(arrival)  # one connection delivers in order
    clock = DeviceClock()
    stamps = np.array([clock.stamp(d, a) for d, a in zip(device, arrival, strict=True)])
    assert np.all(stamps <= arrival)
    assert np.all(np.diff(stamps) >= 0.0)
    # a line below all points with the drift's sign unknown: off by the window times twice the largest drift
    slack = 2.0 * ClockConfig().clock_max_drift * (true[-1] - true[0]) + 1e-6
    assert np.all(stamps >= true + min(delays) - slack)


@given(delays, drifts, st.integers(-(2**20), 2**20))
@settings(max_examples=100, deadline=None)
def test_the_offset_of_the_device_changes_no_stamp(delays, drift, offset):
    stamps = []
    for shift in (0.0, float(offset)):
        _, device, arrival = exposures(sorted(delays), drift, shift, 1 / 64)
        clock = DeviceClock()
        stamps.append([clock.stamp(d, a) for d, a in zip(device, arrival, strict=True)])
    np.testing.assert_allclose(stamps[0], stamps[1], atol=2e-8)  # s; rounding of 1e6 s
