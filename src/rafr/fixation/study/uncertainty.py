"""What is not known of a patient and an operation, drawn at random and put into model and scheme alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafr.config import option
from rafr.errors import RafrError
from rafr.fixation.implants.implant import Implant, Rod, Scheme, Screw
from rafr.fixation.model.contact_pairs import FRACTURE, SACROILIAC
from rafr.fixation.model.model import PelvisModel
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class Spread:
    """How unsure each input is. Sources and assumptions: docs/fixation.md."""

    bone: float = option(0.25, "log standard deviation of the modulus of all bone", lower=0.0, upper=2.0)
    cartilage: float = option(0.5, "the same of sacroiliac cartilage and disc", lower=0.0, upper=2.0)
    ligament: float = option(0.3, "the same of the stiffness of all ligaments", lower=0.0, upper=2.0)
    fracture: float = option(0.7, "the same of the layer between fracture faces", lower=0.0, upper=3.0)
    fracture_friction: tuple[float, float] = (0.15, 0.6)
    """Least and largest, uniform."""
    joint_friction: tuple[float, float] = (0.005, 0.05)
    """Least and largest, uniform."""
    screw_mm: float = option(
        1.0, "standard deviation of entry and tip, along each axis", unit="mm", lower=0.0, upper=5.0
    )


@dataclass(frozen=True, slots=True)
class Draw:
    """One possible patient and operation.

    Attributes:
        bone, cartilage, ligament, fracture: factors on stiffness.
        fracture_friction, joint_friction: Coulomb's coefficients.
        seed: of where screws come to lie.   screw_mm: how far they do.
    """

    bone: float
    cartilage: float
    ligament: float
    fracture: float
    fracture_friction: float
    joint_friction: float
    seed: int
    screw_mm: float

    @property
    def inputs(self) -> dict[str, float]:
        """What was drawn as one number each: all but the places of screws."""
        return {
            "bone": self.bone,
            "cartilage": self.cartilage,
            "ligament": self.ligament,
            "fracture": self.fracture,
            "fracture friction": self.fracture_friction,
            "joint friction": self.joint_friction,
        }

    def of_model(self, model: PelvisModel) -> PelvisModel:
        """The model of this patient."""
        layer = {SACROILIAC: self.cartilage, FRACTURE: self.fracture}
        friction = {SACROILIAC: self.joint_friction, FRACTURE: self.fracture_friction}
        return replace(
            model,
            young=self.bone * model.young,
            springs=replace(model.springs, stiffness=self.ligament * model.springs.stiffness),
            contacts=tuple(
                replace(
                    pair,
                    modulus=layer.get(pair.kind, self.cartilage) * pair.modulus,
                    shear_modulus=layer.get(pair.kind, self.cartilage) * pair.shear_modulus,
                    friction=friction.get(pair.kind, pair.friction),
                )
                for pair in model.contacts
            ),
        )

    def of_scheme(self, scheme: Scheme) -> Scheme:
        """The scheme as this surgeon would place it: screws of one name lie alike in all schemes."""
        return replace(scheme, implants=tuple(self._placed(i) for i in scheme.implants))

    def _placed(self, implant: Implant) -> Implant:
        if isinstance(implant, Rod):  # bent to where the heads are: its own place is no choice
            return implant
        entry, tip = (end + self._miss(implant, k) for k, end in enumerate((implant.entry, implant.tip)))
        head_mm = implant.head_mm
        try:
            return Screw(implant.name, implant.kind, entry, tip, implant.diameter_mm, head_mm)
        except RafrError:  # a screw shorter than its error
            return implant

    def _miss(self, screw: Screw, end: int) -> FloatArray:
        digest = [self.seed, end, *screw.name.encode()]
        return np.random.default_rng(digest).normal(0.0, self.screw_mm, 3)


def draws(spread: Spread, count: int, rng: np.random.Generator) -> list[Draw]:
    """`count` of them; the first is the expected one, without any deviation."""
    friction, joint = (float(np.mean(r)) for r in (spread.fracture_friction, spread.joint_friction))
    middle = Draw(1.0, 1.0, 1.0, 1.0, friction, joint, 0, 0.0)
    return [middle, *(_drawn(spread, rng) for _ in range(count - 1))][:count]


def _drawn(spread: Spread, rng: np.random.Generator) -> Draw:
    bone, cartilage, ligament, fracture = (
        float(np.exp(rng.normal(0.0, s)))
        for s in (spread.bone, spread.cartilage, spread.ligament, spread.fracture)
    )
    friction, joint = (float(rng.uniform(*r)) for r in (spread.fracture_friction, spread.joint_friction))
    seed = int(rng.integers(2**31))
    return Draw(bone, cartilage, ligament, fracture, friction, joint, seed, spread.screw_mm)
