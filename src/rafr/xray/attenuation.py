"""How strongly matter attenuates X-rays: from HU, and of the metals pins and screws are made of.

Mass attenuation coefficients are those of Hubbell & Seltzer, NIST Standard Reference Database 126 (XCOM);
alloys by their mass fractions. Between the energies they are interpolated in the logarithm of both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rafr.errors import InputError

EFFECTIVE_KEV = 60.0
"""Of a pelvic radiograph: 75 to 85 kVp, 3 mm Al and the patient's own filtration."""
CT_KEV = 70.0
"""Effective energy at which a CT of 120 kVp measures its HU."""
_KEV = (40.0, 50.0, 60.0, 80.0, 100.0)
# material -> density g/cm3, mass attenuation coefficients cm2/g at _KEV
_MATERIALS: dict[str, tuple[float, tuple[float, ...]]] = {
    "water": (1.000, (0.2683, 0.2269, 0.2059, 0.1837, 0.1707)),
    "bone": (1.920, (0.6655, 0.4242, 0.3148, 0.2229, 0.1855)),  # cortical, ICRU 44
    "steel": (8.00, (3.808, 2.057, 1.266, 0.6228, 0.3865)),  # 316L: Fe, 17 % Cr, 12 % Ni, 2.5 % Mo
    "titanium": (4.43, (2.124, 1.168, 0.7399, 0.3943, 0.2666)),  # Ti-6Al-4V
}
METALS = ("steel", "titanium")


def linear_attenuation(material: str, kev: float = EFFECTIVE_KEV) -> float:
    """1/mm of `water`, `bone` (cortical), `steel` (316L) or `titanium` (Ti-6Al-4V).

    Raises:
        InputError: no such material, or an energy outside 40 to 100 keV.
    """
    if material not in _MATERIALS:
        raise InputError("material", f"{material!r}", f"one of {', '.join(_MATERIALS)}")
    if not _KEV[0] <= kev <= _KEV[-1]:
        raise InputError("X-ray energy", f"{kev:g} keV", f"{_KEV[0]:g} to {_KEV[-1]:g} keV")
    density, mass = _MATERIALS[material]
    per_cm = density * float(np.exp(np.interp(np.log(kev), np.log(_KEV), np.log(mass))))
    return 0.1 * per_cm


def attenuation_of_hu(hu: ArrayLike, kev: float = EFFECTIVE_KEV) -> NDArray[np.float32]:
    """1/mm, float32, of a calibrated CT's HU at another energy; same shape.

    Below 0 HU matter is water thinned with air; above it is water and cortical bone, mixed so that the CT's
    own energy gives the HU measured. Nothing attenuates less than nothing.
    """
    water, bone = (linear_attenuation(m, kev) for m in ("water", "bone"))
    bone_hu = 1000.0 * (linear_attenuation("bone", CT_KEV) / linear_attenuation("water", CT_KEV) - 1.0)
    values = np.asarray(hu, dtype=np.float32)
    attenuation: NDArray[np.float32] = np.asarray(np.maximum(values, np.float32(0.0)))
    attenuation *= np.float32((bone - water) / bone_hu - water / 1000.0)
    attenuation += np.float32(water / 1000.0) * values
    attenuation += np.float32(water)
    return np.maximum(attenuation, np.float32(0.0), out=attenuation)
