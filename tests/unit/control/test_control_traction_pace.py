"""The fragment goes no faster than the winch follows: what the arm bears was planned for the cord's pull."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.control.arm import ArmControlConfig

PULL = 60.0  # N, at every pose of the plan


@pytest.fixture
def bench(tools):
    plan = tools.plan()
    (body,) = plan.bodies
    pulled = replace(body, path=tuple(replace(pose, traction_n=PULL) for pose in body.path))
    return lambda **config: tools.bench(
        plan=replace(plan, bodies=(pulled,)), config=ArmControlConfig(**config)
    ).reducing()


def progress_after(bench, seconds, tension):
    assert bench.run(seconds, tension=tension) is None
    return bench.command.progress


def test_the_path_waits_for_a_cord_that_pulls_too_little_or_too_much_and_goes_on(bench):
    led = bench()
    for wrong in (PULL - 30.0, PULL + 30.0):
        progress_after(led, 0.3, wrong)  # it slows down first
        before = led.command.progress
        assert progress_after(led, 0.5, wrong) == pytest.approx(before, abs=1e-3)
    assert progress_after(led, 1.0, PULL - 5.0) > before + 0.02


def test_a_device_that_falls_silent_makes_it_wait_and_is_named(bench):
    led = bench(stall_time=1.0)
    finished = led.run(5.0, tension=np.nan)
    assert not finished.success
    assert "waiting for the traction" in finished.message


def test_without_a_device_or_with_a_wider_band_it_goes_on(bench):
    assert progress_after(bench(), 1.0, None) > 0.02
    assert progress_after(bench(traction_slow=30.0), 1.0, PULL - 30.0) > 0.02
