"""One person's visit to the laboratory: electrodes on, maximum contractions, then trials with light and
heavy boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress, silent
from rafr.risk.data.columns import MUSCLES, TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
from rafr.risk.data.read import reference_level
from rafr.risk.data.recording import Interval, Recording
from rafr.risk.lifting.movement import Movement, lift_boxes
from rafr.risk.lifting.person import draw_person
from rafr.risk.lifting.wearer import ARM, Wearer, dressed, drive_at_emg, emg_samples, shaken_at_emg

_BLOCK = 0.5  # s of EMG made at once: fatigue is constant within
_MVC_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class LiftingConfig:
    """The laboratory; what differs between people is in `Person`."""

    low_load: float = option(5.0, "of the light box", unit="kg", lower=0.5, upper=40.0)
    high_load: float = option(15.0, "of the heavy box", unit="kg", lower=0.5, upper=40.0)
    load_spread: float = option(0.05, "of the boxes between trials, relative", lower=0.0, upper=0.3)
    trials: int = option(2, "of each load and person", lower=1, upper=20)
    seconds: float = option(30.0, "of a trial", unit="s", lower=3.0, upper=600.0)
    pause: float = option(60.0, "rest between trials", unit="s", lower=0.0, upper=3600.0)
    contact_drift: float = option(
        0.08, "of the electrodes' gain between trials, logarithm", lower=0.0, upper=1.0
    )
    sharing: float = option(0.2, "of the muscles' share in a moment, logarithm, slow", lower=0.0, upper=1.0)


def simulate_people(
    count: int, seed: int, config: LiftingConfig | None = None, progress: Progress = silent
) -> list[Recording]:
    """All trials of `count` people P1, P2, …, each with his reference; the same person for the same seed."""
    made: list[Recording] = []
    for k, (mvc, trials) in enumerate(simulate_sessions(count, seed, config)):
        progress((k + 1) / count, f"person {k + 1} of {count}")
        reference = reference_level(mvc)
        made += [replace(trial, reference=reference) for trial in trials]
    return made


def simulate_sessions(
    count: int, seed: int, config: LiftingConfig | None = None
) -> Iterator[tuple[Recording, list[Recording]]]:
    """Per person: the recording of the maximum contractions, and the trials."""
    for k, sequence in enumerate(np.random.SeedSequence(seed).spawn(count)):
        yield simulate_session(f"P{k + 1}", np.random.default_rng(sequence), config)


def simulate_session(
    subject: str, rng: np.random.Generator, config: LiftingConfig | None = None
) -> tuple[Recording, list[Recording]]:
    """Maximum contractions, then all trials in random order; the order must not tell the load by fatigue."""
    config = config or LiftingConfig()
    wearer = dressed(draw_person(rng), rng)
    mvc = _record(subject, "MVC 1", wearer, _resting(round(_MVC_SECONDS * TRIGNO_IMU_RATE)), None, 0.0, rng)
    order = rng.permutation(np.repeat(("Low", "High"), config.trials))
    number = {"Low": 0, "High": 0}
    trials = []
    for label in order:
        for arm in wearer.arms.values():
            arm.fatigue.step(np.zeros(2), config.pause)
        number[label] += 1
        load = config.low_load if label == "Low" else config.high_load
        load *= float(np.exp(config.load_spread * rng.normal()))
        haste = float(np.exp(0.1 * rng.normal()))
        movement = lift_boxes(wearer.person, load, haste, config.seconds, TRIGNO_IMU_RATE, rng)
        made = _record(subject, f"{label} {number[label]}", wearer, movement, config, load, rng)
        trials.append(replace(made, intervals=(Interval(0.0, made.duration, str(label)),)))
    return mvc, trials


def _record(
    subject: str,
    trial: str,
    wearer: Wearer,
    movement: Movement,
    config: LiftingConfig | None,
    load: float,
    rng: np.random.Generator,
) -> Recording:
    """All sensors during a movement; without a config both muscles of both arms contract as hard as they
    can.
    """
    n = emg_samples(movement)
    emg: dict[str, FloatArray] = {}
    readings: dict[str, FloatArray] = {}
    for side, arm in wearer.arms.items():
        felt = wearer.feels(side, movement)
        if config is None:
            drive = np.repeat(_maximum_effort(n, rng), 2, axis=0) * rng.uniform(0.75, 1.0, (2, 1))
            drift = np.ones((2, 1))
        else:
            drive = drive_at_emg(wearer.works(side, movement, load, config.sharing, rng), n)
            drift = np.exp(config.contact_drift * rng.normal(size=(2, 1)))
        blocks = np.array_split(np.arange(n), max(1, round(n / TRIGNO_EMG_RATE / _BLOCK)))
        motion = shaken_at_emg(felt, n)
        volts = np.concatenate([arm.read(drive[:, b], motion[:, b]) for b in blocks], axis=1) * drift
        names = [f"{side}_{muscle}" for muscle in ARM]
        emg |= dict(zip(names, volts, strict=True))
        readings |= dict(zip(names, felt, strict=True))
    imu = np.stack([readings[name].T.reshape(2, 3, -1) for name in MUSCLES])
    return Recording(
        subject,
        trial,
        MUSCLES,
        np.stack([emg[name] for name in MUSCLES]),
        TRIGNO_EMG_RATE,
        MUSCLES,
        imu[:, 0],
        imu[:, 1],
        TRIGNO_IMU_RATE,
    )


def _maximum_effort(n: int, rng: np.random.Generator) -> FloatArray:
    """(1, n): up within half a second, held, and let go."""
    t = np.arange(n) / TRIGNO_EMG_RATE
    end = t[-1]
    rise = rng.uniform(0.3, 0.6)
    effort: FloatArray = np.clip(np.minimum(t / rise, (end - t) / 0.3), 0.0, 1.0)[None]
    return effort


def _resting(n: int) -> Movement:
    zero = np.zeros(n)
    return Movement(zero, zero, zero, np.full(n, 1.5), zero, np.full(n, 0.15), zero)
