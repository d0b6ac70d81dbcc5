"""From Hounsfield units to density to Young's modulus: published laws, each with its source.

Densities are apparent densities in g/cm³, moduli in MPa.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class DensityLaw:
    """rho = slope HU + intercept."""

    name: str
    slope: float
    intercept: float
    source: str

    def density(self, hu: FloatArray) -> FloatArray:
        """g/cm³, never negative."""
        rho: FloatArray = np.maximum(self.slope * np.asarray(hu, dtype=float) + self.intercept, 0.0)
        return rho

    def hu(self, density: float) -> float:
        """The Hounsfield units of a density."""
        return (density - self.intercept) / self.slope


@dataclass(frozen=True, slots=True)
class ModulusLaw:
    """E = factor rho^exponent."""

    name: str
    factor: float
    exponent: float
    source: str

    def modulus(self, density: FloatArray) -> FloatArray:
        """MPa."""
        E: FloatArray = self.factor * np.asarray(density, dtype=float) ** self.exponent
        return E

    def density(self, modulus: FloatArray) -> FloatArray:
        """g/cm³ that would have this modulus."""
        rho: FloatArray = (np.asarray(modulus, dtype=float) / self.factor) ** (1.0 / self.exponent)
        return rho


# a clinical CT has no calibration phantom: 0.8 mg hydroxyapatite per cm³ and HU is a usual slope at 120 kV,
# but scanners differ by some 10 %, so the first line is an assumption, not a measurement
_HYDROXYAPATITE_PER_HU = 0.8e-3
_ASH_PER_APPARENT = 0.6
DENSITY_LAWS = {
    law.name: law
    for law in (
        DensityLaw(
            "ash",
            0.887 * _HYDROXYAPATITE_PER_HU / _ASH_PER_APPARENT,
            0.0633 / _ASH_PER_APPARENT,
            "rho_ash = 0.0633 + 0.887 rho_QCT, rho_ash = 0.6 rho_app (Schileo 2008, J Biomech 41:2483);"
            " rho_QCT = 0.0008 HU assumed: no phantom",
        ),
        DensityLaw(
            "rho1995",
            1.067e-3,
            0.131,
            "rho = 131 + 1.067 HU kg/m³ (Rho 1995, Med Eng Phys 17:347; femur); not this scanner's",
        ),
    )
}
MODULUS_LAWS = {
    law.name: law
    for law in (
        ModulusLaw(
            "dalstra",
            2017.3,
            2.46,
            "pelvic trabecular bone: E = 2017.3 rho^2.46 (Dalstra 1993, J Biomech 26:523)",
        ),
        ModulusLaw(
            "carter-hayes",
            2875.0,
            3.0,
            "E = 3790 (strain rate)^0.06 rho^3, at 0.01/s (Carter & Hayes 1977, J Bone Joint Surg Am 59:954)",
        ),
        ModulusLaw("morgan", 6850.0, 1.49, "femoral neck: E = 6850 rho^1.49 (Morgan 2003, J Biomech 36:897)"),
    )
}


def density_law(name: str) -> DensityLaw:
    """The law of that name; InputError lists the names there are."""
    if name not in DENSITY_LAWS:
        raise InputError("density law", f"there is none called {name!r}", ", ".join(DENSITY_LAWS))
    return DENSITY_LAWS[name]


def modulus_law(name: str) -> ModulusLaw:
    """The law of that name; InputError lists the names there are."""
    if name not in MODULUS_LAWS:
        raise InputError("modulus law", f"there is none called {name!r}", ", ".join(MODULUS_LAWS))
    return MODULUS_LAWS[name]
