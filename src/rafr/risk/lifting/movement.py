"""How a box is lifted: joint angles of one trial, lift after lift, and when its weight is in the hands.

Between postures the joints follow minimum-jerk curves (T. Flash & N. Hogan, J Neurosci 5:1688, 1985); load
and haste add sub-movements and tremor that grow with effort (signal-dependent noise, C. Harris & D. Wolpert,
Nature 394:780, 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from rafr.geometry.minimum_jerk import minimum_jerk
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.lifting.person import Person

GRASP_TIME = 0.25  # s in which the weight is taken over, or let go
_TREMOR_BAND = (6.0, 11.0)  # Hz, physiological tremor
_SUBMOVEMENT_BAND = (1.5, 5.0)
_SWAY_BAND = (0.1, 0.8)
_STANDING = (0.05, 0.0, 0.05, 0.25, 0.0)  # trunk, sink, arm, elbow, yaw


@dataclass(frozen=True, slots=True)
class Movement:
    """(n,) each, at an even rate; `held` is the share of the box's weight that is in the hands, 0..1.

    trunk: rad forward.   sink: m, hips lower than standing.   arm, elbow: rad, upper arm from hanging down
    (world), and flexion of the elbow.   yaw, out: rad, turning of the body and abduction of the arms.
    """

    trunk: FloatArray
    sink: FloatArray
    arm: FloatArray
    elbow: FloatArray
    yaw: FloatArray
    out: FloatArray
    held: FloatArray


def lift_boxes(
    person: Person, load: float, haste: float, seconds: float, rate: float, rng: np.random.Generator
) -> Movement:
    """A trial of repeated lifts: low box, up, carried, on the shelf; and back down.

    Args:
        load: kg of the box.   haste: durations are divided by it.   seconds, rate: of the trial, Hz.
    """
    effort = relative_load(person, load)
    slow = person.pace / haste * (1.0 + person.slowing * effort)
    times, postures, held = _postures(person, effort, slow, seconds, rng)
    t = np.arange(round(seconds * rate)) / rate
    # minimum jerk within a phase: a curve of time first, then a line in the joints
    phase = np.clip(np.searchsorted(times, t, "right") - 1, 0, len(times) - 2)
    x = (t - times[phase]) / (times[phase + 1] - times[phase])
    x = np.clip(x, 0.0, 1.0)
    blend = minimum_jerk(x)[:, None]
    joints = (1.0 - blend) * postures[phase] + blend * postures[phase + 1]
    weight = np.interp(t, times, held)  # linear while the box is taken or let go
    shaken = person.shaking * (0.35 + 1.2 * effort * weight)
    for k, size in enumerate((0.006, 0.0, 0.012, 0.016)):
        if size:
            joints[:, k] += size * shaken * _noise(len(t), _SUBMOVEMENT_BAND, rate, rng)
            joints[:, k] += 0.04 * size * shaken * _noise(len(t), _TREMOR_BAND, rate, rng)
    sway = [0.08 * _noise(len(t), _SWAY_BAND, rate, rng) for _ in range(2)]
    trunk, sink, arm, elbow, yaw = joints.T
    return Movement(trunk, sink, arm, elbow, yaw + sway[0], 0.15 + sway[1], weight)


def stand(seconds: float, rate: float, rng: np.random.Generator) -> Movement:
    """Arms hanging down, nothing in the hands; the body sways."""
    n = round(seconds * rate)
    trunk, sink, arm, elbow, yaw = np.repeat(np.array(_STANDING)[:, None], n, axis=1)
    sway = [0.08 * _noise(n, _SWAY_BAND, rate, rng) for _ in range(2)]
    return Movement(trunk, sink, arm, elbow, yaw + sway[0], 0.15 + sway[1], np.zeros(n))


def relative_load(person: Person, load: float) -> float:
    """The moment of half the box with the elbow at a right angle, over the elbow's strength."""
    return 0.5 * load * 9.81 * person.hand_reach / person.elbow_strength


def _postures(
    person: Person, effort: float, slow: float, seconds: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Times (k,), postures (k, 5) of trunk, sink, arm, elbow, yaw, and whether the box is held (k,)."""
    times, rows, held = [0.0], [np.array(_STANDING)], [0.0]

    def go(duration: float, row: list[float], box: float) -> None:
        times.append(times[-1] + duration * slow * float(np.exp(0.15 * rng.normal())))
        rows.append(np.array(row))
        held.append(box)

    turn = rng.uniform(0.3, 1.5) * rng.choice((-1.0, 1.0))  # rad between the low place and the shelf
    while times[-1] < seconds:
        v = rng.normal(size=6)
        low = [
            person.stoop * np.exp(0.12 * v[0]),
            person.squat * np.exp(0.15 * v[1]),
            0.45 + 0.1 * v[2],
            0.35 + 0.1 * v[3],
            0.0,
        ]
        # a heavy box is kept closer and the trunk leans back against it
        near = 0.25 * min(effort, 1.0)
        carry = [
            0.06 - 0.1 * min(effort, 1.0) + 0.04 * v[4],
            0.0,
            person.hold_arm - near + 0.08 * v[5],
            person.hold_elbow + 0.5 * near + 0.1 * v[2],
        ]
        shelf = [0.12 + 0.05 * v[0], 0.0, person.shelf_arm + 0.1 * v[1], 0.9 + 0.15 * v[3], turn]
        rest = [0.05, 0.0, 0.05, 0.25, turn if rng.random() < 0.5 else 0.0]
        there, back = [*carry, 0.0], [*carry, turn]
        up = [(0.9, low, 0.0), (GRASP_TIME / slow, low, 1.0), (1.3, there, 1.0), (1.0, back, 1.0)]
        up += [(0.9, shelf, 1.0), (GRASP_TIME / slow, shelf, 0.0), (0.8, rest, 0.0)]
        down = [(0.8, shelf, 0.0), (GRASP_TIME / slow, shelf, 1.0), (0.9, back, 1.0), (1.0, there, 1.0)]
        down += [(1.3, low, 1.0), (GRASP_TIME / slow, low, 0.0), (0.9, rest, 0.0)]
        for duration, row, box in (*up, (0.6, rest, 0.0), *down, (0.6, rest, 0.0)):
            go(duration, row, box)
    return np.array(times), np.array(rows), np.array(held)


def _noise(n: int, band: tuple[float, float], rate: float, rng: np.random.Generator) -> FloatArray:
    """(n,) band-limited noise of unit variance."""
    lead = round(2.0 * rate / band[0])
    # of the fourth order: its acceleration, too, lies within the band
    sos = butter(4, band, "bandpass", fs=rate, output="sos")
    made: FloatArray = sosfilt(sos, rng.normal(size=n + lead))[lead:]
    return made / float(np.sqrt(2.0 * (band[1] - band[0]) / rate))
