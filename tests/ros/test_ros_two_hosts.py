"""The stack on two hosts: loss and delay are borne, a cut cable stops, a mended one is heard again."""

import pytest
from benchmarks.two_hosts import measure, why_not

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def test_the_control_side_holds_while_the_cable_is_cut_and_hears_again():
    if reason := why_not():
        pytest.skip(reason)
    found = measure(seconds=3.0, weather=((0.05, 0.05),), cuts=1, seed=0)
    assert found["weather"][0]["stops"] == 0
    (cut,) = found["cuts"]
    assert cut["reasons"] == ["no heartbeat of tracker"]
    assert cut["held"]
    assert cut["stopped_after_s"] is not None
    assert cut["free_after_s"] is not None
