"""The patient's muscles: what is told apart, how soon, and what is never called fine."""

import dataclasses
import math

import numpy as np
import pytest

from rafr.risk.blocks import Block
from rafr.risk.envelope import BandConfig
from rafr.risk.patient import GUARDING, NERVE, RELAXATION, PatientRisk, PatientRiskConfig
from rafr.simulation.wearables import EMG_CHANNELS

from .muscle_scenes import pull, watch


def first(said, cause, level=0.5):
    """s, when a cause first had this probability; inf: never."""
    return next((t for t, e in said if e.causes.get(cause, 0.0) >= level), math.inf)


def worst(said, cause):
    return max(e.causes.get(cause, 0.0) for _, e in said)


def test_a_relaxed_patient_is_at_rest_through_a_reduction():
    said = watch(40.0)
    assert all(math.isnan(e.probability) for t, e in said if t < 2.0)
    assert "recording" in said[5][1].reason
    judged = [e for t, e in said if t > 2.6]
    assert all(e.probability < 0.5 for e in judged)
    assert judged[-1].reason == "the muscles are at rest"
    assert set(judged[-1].causes) == {GUARDING, RELAXATION, NERVE}
    assert judged[-1].unwatched == {}


# s, delays with room for other draws: a lasting second, tone that has to rise, bursts that add up
@pytest.mark.parametrize(
    ("event", "cause", "delay"),
    [
        ("muscle-guarding", GUARDING, 2.0),
        ("relaxant-wears-off", RELAXATION, 45.0),
        ("nerve-irritation", NERVE, 1.5),
    ],
)
def test_every_event_is_found_and_called_by_its_name(event, cause, delay):
    said = watch(16.0 + delay, event, seed=4, load=lambda t: pull(t, duration=50.0))
    assert first(said, cause) > 15.0
    assert first(said, cause, 0.9) <= 15.0 + delay
    found = next(e for t, e in said if e.causes.get(cause, 0.0) >= 0.9)
    assert found.probability == max(found.causes.values())
    assert {"guarding": "guarding", "relaxation": "relaxation", "nerve": "tibialis_anterior"}[
        cause
    ] in found.reason


def test_what_happens_without_a_load_is_no_guarding():
    said = watch(30.0, "muscle-guarding", load=lambda t: 6.0, heard=lambda t: 3.0)
    assert worst(said, GUARDING) < 0.1
    assert worst(said, RELAXATION) > 0.9


def test_without_the_arms_word_a_sudden_lasting_activity_is_guarding():
    judge = PatientRisk()
    judge.heard_load = lambda force: None
    assert worst(watch(20.0, "muscle-guarding", judge=judge), GUARDING) > 0.9


def test_an_electrode_that_comes_off_is_named_and_the_others_are_watched_on():
    said = watch(40.0, "emg-electrode-off")
    last = said[-1][1]
    assert last.unwatched == {"tibialis_anterior": "mains hum (electrode off?)"}
    assert last.probability < 0.3
    assert all(e.probability < 0.5 for t, e in said if t > 2.6)


def only(channels, value):
    """Spoils some channels from 20 s on."""

    def spoil(t, volts):
        spoilt = volts.copy()
        if t >= 20.0:
            spoilt[channels] = value
        return spoilt

    return spoil


@pytest.mark.parametrize(
    ("value", "word"),
    [(np.nan, "finite"), (0.02, "saturated"), (1e-3, "flat"), (0.0, "flat")],
    ids=["nan", "clipped", "constant", "zero"],
)
def test_a_broken_channel_is_named_and_with_half_of_them_broken_nothing_is_claimed(value, word):
    one = watch(22.0, spoil=only([1], value))[-1][1]
    assert set(one.unwatched) == {"gastrocnemius"}
    assert word in one.unwatched["gastrocnemius"]
    assert one.probability < 0.5
    three = watch(22.0, spoil=only([0, 1, 2], value))[-1][1]
    assert math.isnan(three.probability)
    assert word in three.reason
    assert three.causes == {}


def test_a_channel_that_is_back_is_watched_again_and_a_dead_one_is_silent():
    def spoil(t, volts):
        return volts if not 20.0 <= t < 22.0 else np.where([[True], [False], [False], [False]], np.nan, volts)

    said = watch(24.0, spoil=spoil)
    assert any(e.unwatched for _, e in said[200:])
    assert said[-1][1].unwatched == {}
    rng = np.random.default_rng(0)
    dead = watch(24.0, spoil=lambda t, volts: np.vstack([1e-8 * rng.standard_normal((1, 100)), volts[1:]]))
    assert "silent" in dead[-1][1].unwatched["tibialis_anterior"]


def test_a_patient_who_is_not_relaxed_at_the_start_gives_no_rest():
    said = watch(12.0, "relaxant-wears-off", at=-1e9, load=lambda t: 3.0)
    assert not math.isnan(said[-1][1].probability), "hardly any tone yet"
    said = watch(12.0, "muscle-guarding", at=0.0, load=lambda t: 200.0)
    assert math.isnan(said[-1][1].probability)
    assert "not at rest" in said[-1][1].reason


def test_late_early_overtaken_and_foreign_blocks_are_unknown_with_their_reason():
    judge = PatientRisk()
    said = watch(6.0, judge=judge)
    assert said[-1][1].probability < 0.5
    noise = 3e-6 * np.random.default_rng(0).standard_normal((4, 100))

    def say(stamp=6.0, rate=1000.0, names=EMG_CHANNELS, samples=noise, now=6.1):
        estimate = judge.update(Block(stamp, rate, tuple(names), samples), now)
        assert math.isnan(estimate.probability)
        return estimate.reason

    assert "late" in say(now=9.0)
    assert "ahead" in say(now=1.0)
    assert "before the last one's end" in say(stamp=5.5)
    assert "without a time" in say(stamp=math.nan)
    assert "instead of 1000 Hz" in say(rate=1100.0)
    assert "too low" in say(rate=30.0)
    assert "too low" in say(rate=math.nan)
    assert "shape" in say(samples=noise[:3])
    assert "shape" in say(samples=noise[:, :0])
    assert "another order" in say(names=EMG_CHANNELS[::-1])
    assert "instead of" in say(names=(*EMG_CHANNELS[:3], "soleus"))
    assert "twice" in say(names=(*EMG_CHANNELS[:3], EMG_CHANNELS[0]))
    # and then it goes on: the rest is known
    for k in range(10):
        estimate = judge.update(Block(6.0 + 0.1 * k, 1000.0, EMG_CHANNELS, noise))
    assert estimate.probability < 0.5


def test_a_device_that_starts_its_clock_anew_is_followed_after_a_word():
    judge = PatientRisk()
    watch(6.0, judge=judge)
    noise = 3e-6 * np.random.default_rng(0).standard_normal((4, 100))
    said = [judge.update(Block(0.1 * k, 1000.0, EMG_CHANNELS, noise)) for k in range(20)]
    assert "before the last one's end" in said[0].reason
    assert said[-1].probability < 0.5


def test_blocks_of_any_length_say_the_same():
    rng = np.random.default_rng(3)
    volts = 3e-6 * rng.standard_normal((2, 20000))
    volts[0, 15000:15900] *= 20.0
    ends = {}
    for n in (40, 100, 370):
        judge = PatientRisk()
        said = [
            (k * n + n, judge.update(Block(k * n / 1000.0, 1000.0, ("a", "b"), volts[:, k * n : k * n + n])))
            for k in range(20000 // n)
        ]
        ends[n] = next(t for t, e in said if e.causes.get(NERVE, 0.0) > 0.9)
    assert max(ends.values()) - min(ends.values()) <= 370


# one change per field, and a scene in which it must show
CHANGES = {
    "baseline": 5.0, "floor": 2e-4, "rest_most": 1.5e-6, "silent": 1e-4, "saturation": 2e-5,
    "guard_time": 3.0, "guard_even": 20.0, "guard_sure": 50.0,
    "tonic_time": 15.0, "tonic_even": 20.0, "tonic_sure": 60.0,
    "rise_time": 0.5, "rise_even": 50.0, "rise_sure": 150.0, "load_least": 250.0,
    "follow_even": 0.05, "follow_sure": 0.99,
    "burst_ratio": 90.0, "burst_apart": 90.0, "burst_window": 0.5, "burst_even": 2.0, "burst_sure": 8.0,
}  # fmt: skip
BAND_CHANGES = {
    "low_hz": 150.0, "high_hz": 80.0, "settle": 4.0, "mains_hz": 60.0, "hum_share": 0.999, "hum_least": 0.05,
}  # fmt: skip


def weak(t):
    return pull(t, 8.0, 8.0, 60.0)


def swinging(t):
    return 45.0 + 40.0 * np.sin(1.5 * t) if t > 5.0 else 3.0


def hum(t, volts):
    mains = 1e-4 * np.sin(2 * np.pi * 50.0 * (t + np.arange(100) / 1000.0))
    return volts + np.outer([t > 12, 0, 0, 0], mains)


def scenes(config=None, band=None):
    """Numbers of one event after the other under one configuration."""
    # nothing is sudden to this one: it goes by what follows the load
    blind = dataclasses.replace(config or PatientRiskConfig(), rise_even=900.0, rise_sure=1000.0)
    for settings, *events in (
        (config, 14.0, "muscle-guarding", 10.0, 1, weak),
        (config, 13.0, "nerve-irritation", 10.0, 3, weak),
        (config, 14.0, "", 10.0, 4, weak),
        (blind, 16.0, "muscle-guarding", 6.0, 5, swinging),
        (config, 24.0, "relaxant-wears-off", -60.0, 2, weak),
    ):
        spoil = hum if not events[1] else lambda t, volts: volts
        said = watch(*events, PatientRisk(settings, None, band), spoil=spoil)
        causes = [[*(e.causes.values() or [-1, -1, -1]), len(e.unwatched)] for _, e in said]
        yield np.nan_to_num(np.array(causes, dtype=float), nan=-1.0)


def differ(usual, changed):
    """Whether any event is judged otherwise; the first that is ends the search."""
    return any(not np.allclose(a, b, atol=1e-3) for a, b in zip(usual, changed, strict=True))


@pytest.fixture(scope="module")
def usual():
    return list(scenes())


def test_the_same_settings_are_judged_alike(usual):
    assert not differ(usual, scenes())


def test_every_tunable_has_a_change():
    assert set(CHANGES) == {f.name for f in dataclasses.fields(PatientRiskConfig)}
    assert set(BAND_CHANGES) == {f.name for f in dataclasses.fields(BandConfig)}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_every_tunable_changes_the_judgement(name, usual):
    assert differ(usual, scenes(dataclasses.replace(PatientRiskConfig(), **{name: CHANGES[name]})))


@pytest.mark.slow
@pytest.mark.parametrize("name", BAND_CHANGES)
def test_every_tunable_of_the_band_changes_the_judgement(name, usual):
    assert differ(usual, scenes(band=dataclasses.replace(BandConfig(), **{name: BAND_CHANGES[name]})))
