"""A device that goes and comes, asked in a thread of its own: waits are bounded, losses are counted."""

import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.tracking.drivers.choose import DriverConfigs, Time, make_driver
from rafr.tracking.drivers.frame import DeviceLostError, Frame
from rafr.tracking.drivers.reconnect import ReconnectConfig, Reconnecting
from rafr.tracking.feed import NOT_TAKEN, FrameFeed


class FakeTime:
    def __init__(self):
        self.t = 0.0

    def now(self):
        return self.t

    def sleep(self, seconds):
        self.t += seconds


class Absent:
    """A device that is never there."""

    def __init__(self, time):
        self.losses, self.state = Counter(), ""
        self.attempts = []
        self._time = time

    def open(self):
        self.attempts.append(self._time.t)
        raise DeviceLostError("nobody")

    def frames(self, timeout):
        raise AssertionError("never open")

    def close(self):
        pass


def attempts(config, seconds=60.0):
    time = FakeTime()
    device = Absent(time)
    driver = Reconnecting(device, config, time.now, time.sleep, np.random.default_rng(0))
    while time.t < seconds:
        assert driver.frames(0.05) == ()
    return np.diff(device.attempts), driver


def test_waits_between_attempts_grow_to_the_longest_one_within_the_jitter():
    config = ReconnectConfig()
    waits, driver = attempts(config)
    expected = np.minimum(0.25 * 2.0 ** np.arange(len(waits)), 5.0)
    assert np.all(np.abs(waits - expected) <= 0.2 * expected + 0.05)  # a wait ends with the caller's patience
    assert len(set(np.round(waits[-5:], 3))) > 1
    assert driver.state.startswith("nobody; attempt")


@pytest.mark.parametrize(
    "changed",
    [{"retry_first": 1.0}, {"retry_factor": 1.0}, {"retry_longest": 1.0}, {"retry_jitter": 0.0}],
)
def test_every_option_of_the_back_off_changes_the_waits(changed):
    before, _ = attempts(ReconnectConfig())
    after, _ = attempts(replace(ReconnectConfig(), **changed))
    assert before.tolist() != after.tolist()


class Mute(Absent):
    """A device that lets itself be opened and says nothing."""

    def open(self):
        self.attempts.append(self._time.t)

    def frames(self, timeout):
        self._time.sleep(timeout)
        return ()


@pytest.mark.parametrize("silence", [0.5, 2.0])
def test_an_open_device_that_says_nothing_is_opened_anew_ever_more_rarely(silence):
    time = FakeTime()
    device = Mute(time)
    config = ReconnectConfig(silence_reconnect=silence, retry_jitter=0.0)
    driver = Reconnecting(device, config, time.now, time.sleep, np.random.default_rng(0))
    while time.t < 30.0:
        driver.frames(0.05)
    waits = np.diff(device.attempts) - silence
    assert waits[:3] == pytest.approx([0.25, 0.5, 1.0], abs=0.16)
    assert driver.reconnects == len(device.attempts) - 1


# -- the thread --------------------------------------------------------------------------------------


class Burst:
    """Delivers frames 1..n at once, then nothing."""

    def __init__(self, count):
        self.losses, self.state = Counter({"damaged message": 2}), ""
        self._count, self.opened, self.closed = count, False, False

    def open(self):
        self.opened = True

    def frames(self, timeout):
        count, self._count = self._count, 0
        if not count:
            time.sleep(timeout)
        return [Frame(None, 0.0, k, {}) for k in range(1, count + 1)]

    def close(self):
        self.closed = True


def wait(condition, patience=20.0):
    end = time.monotonic() + patience
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def test_frames_that_nobody_takes_make_room_for_newer_ones_and_are_counted():
    device, calls = Burst(10), []
    feed = FrameFeed(device, 4, lambda: calls.append(threading.current_thread().name))
    feed.start()
    assert wait(lambda: len(calls) == 10)
    assert [f.frame_number for f in feed.take()] == [7, 8, 9, 10]
    assert feed.take() == []
    assert feed.losses == {NOT_TAKEN: 6, "damaged message": 2}
    feed.close()
    assert device.opened
    assert device.closed
    assert set(calls) == {"tracker driver"}


def test_what_no_retry_cures_ends_the_thread_and_is_kept_for_the_node():
    class Misconfigured(Burst):
        def open(self):
            raise InputError("tracker", "no", "yes")

    device, told = Misconfigured(0), threading.Event()
    feed = FrameFeed(device, 4, told.set)
    feed.start()
    assert told.wait(20.0)
    assert isinstance(feed.failure, InputError)
    feed.close()
    assert device.closed


def test_every_driver_is_made_by_its_name_and_an_unknown_one_is_refused():
    host = Time(time.time, time.monotonic, time.sleep)
    for name in ("openigtlink", "openigtlink-server", "replay"):
        driver = make_driver(name, DriverConfigs(), host, np.random.default_rng(0))
        assert driver.state
        driver.close()
    with pytest.raises(InputError, match="camera_intrinsics"):
        make_driver("camera", DriverConfigs(), host, np.random.default_rng(0))
    with pytest.raises(InputError, match="ndi_address"):
        make_driver("ndi", DriverConfigs(), host, np.random.default_rng(0))
    with pytest.raises(InputError, match="openigtlink-server, ndi, camera, replay"):
        make_driver("polaris9", DriverConfigs(), host, np.random.default_rng(0))
