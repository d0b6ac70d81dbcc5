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
from rafr.risk.lifting.mechanics import joint_moments, sensor_poses
from rafr.risk.lifting.movement import Movement, lift_boxes
from rafr.risk.lifting.person import Person, draw_person
from rafr.risk.physiology import (
    ElectrodeConfig,
    FatigueConfig,
    Imu,
    ImuConfig,
    MuscleConfig,
    SurfaceEmg,
    TissueConfig,
)

_BLOCK = 0.5  # s of EMG made at once: fatigue is constant within
_MVC_SECONDS = 3.0
_LEAD = 0.05  # s by which EMG comes before the force


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


@dataclass(slots=True)
class _Wearer:
    """A person with sensors on; the state of muscles and electrodes goes on from trial to trial."""

    person: Person
    arms: dict[str, SurfaceEmg]
    imus: dict[str, Imu]


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
    wearer = _dressed(draw_person(rng), rng)
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


def _dressed(person: Person, rng: np.random.Generator) -> _Wearer:
    muscle = MuscleConfig(
        mvc_rms=person.mvc_rms,
        tissue=TissueConfig(fat=person.fat, electrode=rng.uniform(0.02, 0.035)),
        fatigue=FatigueConfig(work_time=person.fatigue_time),
        electrode=ElectrodeConfig(crosstalk=0.1),
    )
    arms = {side: SurfaceEmg(2, TRIGNO_EMG_RATE, rng, muscle) for side in ("right", "left")}
    return _Wearer(person, arms, {name: Imu(ImuConfig(), rng) for name in MUSCLES})


def _record(
    subject: str,
    trial: str,
    wearer: _Wearer,
    movement: Movement,
    config: LiftingConfig | None,
    load: float,
    rng: np.random.Generator,
) -> Recording:
    """All sensors during a movement; without a config both muscles of both arms contract as hard as they
    can.
    """
    person = wearer.person
    n = round(len(movement.arm) * TRIGNO_EMG_RATE / TRIGNO_IMU_RATE)
    t_imu = np.arange(len(movement.arm)) / TRIGNO_IMU_RATE
    t_emg = np.arange(n) / TRIGNO_EMG_RATE
    emg: dict[str, FloatArray] = {}
    readings: dict[str, FloatArray] = {}
    for side, arm in wearer.arms.items():
        shaken = []
        for muscle in ("biceps", "deltoid"):
            position, rotation = sensor_poses(person, movement, muscle, side)
            name = f"{side}_{muscle}"
            readings[name] = wearer.imus[name].read(position, rotation, 1.0 / TRIGNO_IMU_RATE)
            moving = np.abs(np.linalg.norm(readings[name][:, :3], axis=1) - 9.81)
            shaken.append(np.interp(t_emg, t_imu, moving))
        if config is None:
            drive = np.repeat(_maximum_effort(n, rng), 2, axis=0) * rng.uniform(0.75, 1.0, (2, 1))
            drift = np.ones((2, 1))
        else:
            share = person.left_share if side == "left" else 1.0 - person.left_share
            slow = _activations(person, movement, share * load, config, rng)
            drive = np.stack([np.interp(t_emg + _LEAD, t_imu, a) for a in slow])
            drift = np.exp(config.contact_drift * rng.normal(size=(2, 1)))
        blocks = np.array_split(np.arange(n), max(1, round(n / TRIGNO_EMG_RATE / _BLOCK)))
        motion = np.stack(shaken)
        volts = np.concatenate([arm.read(drive[:, b], motion[:, b]) for b in blocks], axis=1) * drift
        emg |= {f"{side}_biceps": volts[0], f"{side}_deltoid": volts[1]}
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


def _activations(
    person: Person, movement: Movement, load: float, config: LiftingConfig, rng: np.random.Generator
) -> FloatArray:
    """(2, n) drive of biceps and deltoid: moment over strength at that angle, antagonists and bracing."""
    moments = joint_moments(person, movement, load, TRIGNO_IMU_RATE)
    elbow_best = 0.65 + 0.35 * np.cos(movement.elbow - 1.5)
    shoulder_best = 1.0 - 0.25 * np.clip(movement.arm, 0.0, 1.6) / 1.57
    drives = []
    for moment, strength in (
        (moments.elbow, person.elbow_strength * elbow_best),
        (moments.shoulder, person.shoulder_strength * shoulder_best),
    ):
        ratio = moment / strength
        flexing = np.maximum(ratio, 0.0) ** person.effort_power
        opposed = person.antagonist * np.maximum(-ratio, 0.0)
        # how the muscles of a joint share its moment wanders from lift to lift and from day to day
        knots = rng.normal(size=2 + round(len(moment) / TRIGNO_IMU_RATE / 2.0))
        at = np.linspace(0.0, len(knots) - 1.0, len(moment))
        wander = np.interp(at, np.arange(len(knots)), knots) + 0.7 * rng.normal()
        drives.append(np.exp(config.sharing * wander) * (flexing + opposed) + person.bracing * movement.held)
    drive: FloatArray = np.clip(np.stack(drives), 0.0, 1.0)
    return drive


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
