"""Who lifts: anthropometry, strength, technique and skin of one virtual person, drawn at random.

Segments as shares of height and mass: D. A. Winter, Biomechanics and Motor Control of Human Movement, 4th
ed., table 4.1. Strength of the size found in 178 adults by B. Danneskiold-Samsøe et al., Acta Physiol 197
(s673), 2009. All spreads of technique and skin are our assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Person:
    """One lifter; angles in rad, world angles from hanging straight down, forward positive.

    Attributes:
        height, mass: m, kg.
        elbow_strength, shoulder_strength: N m, flexion of one arm at the best angle, rested.
        mvc_rms: V, EMG of the biceps at full effort under a mean electrode.
        fat: m between skin and muscle.   fatigue_time: s, see `FatigueConfig.work_time`.
        stoop: rad the trunk bends to a low box.   squat: m the hips sink.
        hold_elbow, hold_arm: rad, elbow flexion and upper arm while carrying.
        shelf_arm: rad, upper arm when the box stands on the shelf.
        pace: durations of all phases times this.   slowing: share by which a load of full strength slows.
        shaking: of the movement, times the usual.
        left_share: share of the load that the left arm takes.
        antagonist: share of an extending moment that biceps and deltoid answer with.
        bracing: activation kept while a load is held, whatever the moment.
        effort_power: activation = (moment / strength) ** effort_power.
        mounting: rad, how far the sensors are turned about the arm.
    """

    height: float
    mass: float
    elbow_strength: float
    shoulder_strength: float
    mvc_rms: float
    fat: float
    fatigue_time: float
    stoop: float
    squat: float
    hold_elbow: float
    hold_arm: float
    shelf_arm: float
    pace: float
    slowing: float
    shaking: float
    left_share: float
    antagonist: float
    bracing: float
    effort_power: float
    mounting: float

    @property
    def upper_arm(self) -> float:
        """m, shoulder to elbow."""
        return 0.186 * self.height

    @property
    def forearm(self) -> float:
        """m, elbow to wrist."""
        return 0.146 * self.height

    @property
    def hand_reach(self) -> float:
        """m, elbow to the middle of the grasp."""
        return self.forearm + 0.5 * 0.108 * self.height

    @property
    def trunk(self) -> float:
        """m, hips to shoulders."""
        return 0.288 * self.height

    @property
    def upper_arm_mass(self) -> float:
        return 0.028 * self.mass

    @property
    def forearm_mass(self) -> float:
        """kg, with the hand."""
        return 0.022 * self.mass


def draw_person(rng: np.random.Generator) -> Person:
    """A person at random; women and men with equal probability."""
    man = rng.random() < 0.5
    height = rng.normal(1.79, 0.07) if man else rng.normal(1.66, 0.065)
    bmi = float(np.clip(rng.normal(25.0, 3.5), 18.5, 36.0))
    fitness = rng.normal(0.0, 0.18)  # elbow and shoulder of one person go together
    elbow, shoulder = (72.0, 74.0) if man else (41.0, 40.0)
    size = (height / (1.79 if man else 1.66)) ** 2
    stoop = float(np.clip(rng.normal(0.75, 0.25), 0.2, 1.3))
    return Person(
        height=height,
        mass=bmi * height**2,
        elbow_strength=elbow * size * np.exp(fitness + 0.1 * rng.normal()),
        shoulder_strength=shoulder * size * np.exp(fitness + 0.1 * rng.normal()),
        mvc_rms=4e-4 * np.exp(0.4 * rng.normal() - 0.04 * (bmi - 25.0)),
        fat=float(np.clip(2e-3 + 2.5e-4 * (bmi - 18.0) + 1e-3 * rng.normal(), 1e-3, 1e-2)),
        fatigue_time=90.0 * np.exp(0.3 * rng.normal()),
        stoop=stoop,
        squat=float(np.clip(0.45 * (1.0 - stoop / 1.4) + 0.05 * rng.normal(), 0.0, 0.5)),
        hold_elbow=float(np.clip(rng.normal(1.45, 0.2), 0.9, 2.0)),
        hold_arm=float(np.clip(rng.normal(0.15, 0.15), -0.3, 0.6)),
        shelf_arm=float(np.clip(rng.normal(1.0, 0.2), 0.5, 1.5)),
        pace=np.exp(0.15 * rng.normal()),
        slowing=rng.normal(0.35, 0.25),
        shaking=np.exp(0.3 * rng.normal()),
        left_share=float(np.clip(rng.normal(0.49, 0.04), 0.38, 0.6)),
        antagonist=rng.uniform(0.1, 0.3),
        bracing=rng.uniform(0.01, 0.06),
        effort_power=rng.uniform(0.85, 1.2),
        mounting=0.25 * rng.normal(),
    )
