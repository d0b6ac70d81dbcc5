"""The mobile base as its YAML describes it: body, wheels and limits, for either kind of drive.

A drive is a kinematic model of the base's pose, the matrix from its velocity to its wheels' rates, and the
wheels' bounds; docking needs no more.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.resources import resource_path
from rafr.robot.mobile.model import MobileModel
from rafr.robot.mobile.models import of_inputs, omnidirectional, unicycle
from rafr.robot.mobile.parts import BaseBody, Caster, Column, MecanumWheel, Wheel, WheelLimits
from rafr.robot.mobile.wheels import MountedWheel, differential_wheels, mecanum_wheels, wheel_matrix
from rafr.strict import dataclass_from, read_yaml


@dataclass(frozen=True)
class Drive(ABC):
    """What every mobile base has."""

    body: BaseBody
    column: Column
    limits: WheelLimits

    @property
    @abstractmethod
    def model(self) -> MobileModel:
        """Of the pose: coordinates (x, y, theta), inputs the velocities the wheels leave."""

    @property
    @abstractmethod
    def wheels(self) -> tuple[MountedWheel, ...]:
        """Where they are mounted, in the order of their rates."""

    @property
    @abstractmethod
    def wheel_radius(self) -> float:
        """m."""

    @cached_property
    def wheel_matrix(self) -> FloatArray:
        """(w, m): velocity in the order of `model.inputs` -> wheel rates, rad/s."""
        return of_inputs(wheel_matrix(self.wheels, self.wheel_radius), self.model)

    def wheel_rates(self, *velocity: ArrayLike) -> FloatArray:
        """(..., w) rad/s of velocities (...,), one for each of `model.inputs`, in m/s and rad/s."""
        speeds = np.broadcast_arrays(*(np.asarray(u, dtype=float) for u in velocity))
        rates: FloatArray = np.stack(speeds, axis=-1) @ self.wheel_matrix.T
        return rates

    def body_rates(self, wheels: ArrayLike) -> tuple[FloatArray, ...]:
        """Velocities (...,) in the order of `model.inputs` of wheel rates (..., w); least squares where
        the wheels contradict each other."""
        rates = np.asarray(wheels, dtype=float) @ np.linalg.pinv(self.wheel_matrix).T
        return tuple(np.moveaxis(rates, -1, 0))

    @property
    def speeds(self) -> dict[str, float]:
        """The largest each input can be while the others are zero, m/s and rad/s."""
        largest = self.limits.wheel_rate / np.abs(self.wheel_matrix).max(axis=0)
        return dict(zip(self.model.inputs, largest.tolist(), strict=True))

    def footprint(self, discs: int = 3) -> tuple[FloatArray, float]:
        """Discs that cover the base: their x offsets (discs,) along its length and their radius, m."""
        step = self.body.length / discs
        centres = (np.arange(discs) + 0.5) * step - self.body.length / 2
        return centres.astype(float), math.hypot(step / 2, self.body.width / 2)

    def disc_centres(self, poses: ArrayLike) -> FloatArray:
        """(n, discs, 2) where the footprint's discs are for poses (n, 3) of the base."""
        p = np.asarray(poses, dtype=float).reshape(-1, 3)
        offsets, _ = self.footprint()
        direction = np.stack([np.cos(p[:, 2]), np.sin(p[:, 2])], axis=-1)
        centres: FloatArray = p[:, None, :2] + offsets[None, :, None] * direction[:, None, :]
        return centres


@dataclass(frozen=True)
class DifferentialDrive(Drive):
    """Two driven wheels and casters: a unicycle. The URDF is made from the same YAML."""

    wheel: Wheel
    caster: Caster

    @staticmethod
    def from_yaml(path: Path | str | None = None) -> DifferentialDrive:
        """Read it; InputError as `read_drive`, and when it is of another kind."""
        path = resource_path(_FILES["differential"]) if path is None else Path(path)
        drive = read_drive(path)
        if not isinstance(drive, DifferentialDrive):
            raise InputError(path, "the base is no differential drive", "kind: differential")
        return drive

    @property
    def model(self) -> MobileModel:
        return unicycle()

    @property
    def wheels(self) -> tuple[MountedWheel, ...]:
        return differential_wheels(self.wheel.track)

    @property
    def wheel_radius(self) -> float:
        return self.wheel.radius


@dataclass(frozen=True)
class MecanumDrive(Drive):
    """Four mecanum wheels: it moves every way without turning first."""

    wheel: MecanumWheel

    @property
    def model(self) -> MobileModel:
        return omnidirectional()

    @property
    def wheels(self) -> tuple[MountedWheel, ...]:
        return mecanum_wheels(self.wheel.wheelbase, self.wheel.track)

    @property
    def wheel_radius(self) -> float:
        return self.wheel.radius


KINDS: dict[str, type[Drive]] = {"differential": DifferentialDrive, "mecanum": MecanumDrive}
_FILES = {"differential": "config/mobile_base.yaml", "mecanum": "config/mecanum_base.yaml"}


def read_drive(path: Path | str) -> Drive:
    """A drive from YAML; its key `kind` says which.

    Raises:
        InputError: `kind` is none of KINDS, or a key is unknown, missing or of the wrong kind.
    """
    path = Path(path)
    data = read_yaml(path)
    kind = data.pop("kind", None)
    if kind not in KINDS:
        raise InputError(path, f"kind is {kind!r}", f"one of {', '.join(KINDS)}")
    return dataclass_from(KINDS[kind], data, path, "")


def named_drive(kind: str) -> Drive:
    """rafr's own base of a kind, one of KINDS."""
    return read_drive(resource_path(_FILES[kind]))
