"""Attenuation from HU and of metals."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.xray.attenuation import CT_KEV, METALS, attenuation_of_hu, linear_attenuation


def test_water_and_air_are_what_the_hounsfield_scale_says():
    for kev in (45.0, 60.0, 90.0):
        air, half, water = attenuation_of_hu([-1000.0, -500.0, 0.0], kev)
        assert water == pytest.approx(linear_attenuation("water", kev), rel=1e-6)
        assert half == pytest.approx(0.5 * water)
        assert air == pytest.approx(0.0, abs=1e-8)
    assert attenuation_of_hu(-2048.0) == 0.0


def test_the_tables_give_the_published_coefficients():
    """NIST SRD 126 at 60 keV: water 0.2059, cortical bone 0.3148 cm2/g at 1.92 g/cm3."""
    assert linear_attenuation("water", 60.0) == pytest.approx(0.02059)
    assert linear_attenuation("bone", 60.0) == pytest.approx(0.3148 * 0.192)
    # logarithmic in between: water at 70 keV is 0.1929 in the same table's finer grid
    assert linear_attenuation("water", 70.0) == pytest.approx(0.01929, rel=0.01)


def test_at_the_cts_own_energy_hu_keep_their_meaning():
    hu = np.array([-800.0, -100.0, 40.0, 300.0, 1200.0, 3000.0])
    back = 1000.0 * (attenuation_of_hu(hu, CT_KEV) / linear_attenuation("water", CT_KEV) - 1.0)
    assert back == pytest.approx(hu, abs=0.1)


def test_bone_stands_out_more_at_lower_energy():
    contrast = [attenuation_of_hu(1200.0, k) / attenuation_of_hu(40.0, k) for k in (50.0, 60.0, 80.0)]
    assert contrast == sorted(contrast, reverse=True)


def test_five_millimetres_of_steel_stop_nearly_everything_and_titanium_does_not():
    through = {m: np.exp(-5.0 * linear_attenuation(m)) for m in METALS}
    assert through["steel"] < 0.01
    assert 0.1 < through["titanium"] < 0.3


@pytest.mark.parametrize(
    ("material", "kev", "says"), [("gold", 60.0, "gold"), ("steel", 20.0, "20 keV"), ("steel", np.nan, "nan")]
)
def test_what_the_tables_do_not_hold_is_refused(material, kev, says):
    with pytest.raises(InputError, match=says):
        linear_attenuation(material, kev)
