"""The field of view is what the scanner measured; grey values are scaled by the image itself."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.imaging.volume import Volume
from rafr.registration.field_of_view import bone_map, field_of_view, sample


def image(seed: int = 0) -> tuple[Volume, np.ndarray]:
    """Tissue at 50 with a slope, a bone block at 900, noise; and the mask of the block."""
    rng = np.random.default_rng(seed)
    shape = (60, 70, 80)
    bone = np.zeros(shape, bool)
    bone[20:30, 25:45, 30:50] = True
    array = np.where(bone, 900.0, 50.0) + np.linspace(-100, 100, 80) + rng.normal(0, 20, shape)
    return Volume(array, np.array([5.0, -3, 2]), np.ones(3), np.eye(3)), bone


def test_padding_is_recognised_whatever_its_value() -> None:
    volume, _ = image()
    _, j, i = np.indices(volume.array.shape)
    outside = np.hypot(i - 40, j - 35) > 35
    for padding in (-2048.0, 0.0, 4000.0):
        padded = np.where(outside, padding, volume.array)
        np.testing.assert_array_equal(field_of_view(volume.with_array(padded)), ~outside)


def test_volume_without_padding_is_seen_everywhere_but_where_not_finite() -> None:
    volume, _ = image()
    volume.array[:10] = np.nan
    inside = field_of_view(volume)
    assert inside[10:].all()
    assert not inside[:10].any()


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.3, 500.0), (40.0, -9000.0)])
def test_bone_map_is_the_same_for_any_grey_scale(gain: float, offset: float) -> None:
    volume, bone = image()
    found = bone_map(volume.with_array(gain * volume.array + offset), spacing_mm=2.0)
    coarse = bone[::2, ::2, ::2]
    inner = sample(found.bone, volume.index_to_lps([[40.0, 35, 25]]))
    assert inner > 0.8
    assert found.bone.array[coarse].mean() > 0.7
    assert found.bone.array[~coarse].mean() < 0.05  # the slope of 200 is gone


def test_sampling_is_trilinear_in_lps_and_marks_the_outside() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    volume = Volume(values, np.array([1.0, 2, 3]), np.array([2.0, 1, 1]), np.diag([-1.0, 1, 1]))
    assert sample(volume, np.array([[1.0 - 2 * 1.5, 2.0 + 1, 3.0]])) == pytest.approx(5.5)
    assert np.isnan(sample(volume, np.array([[50.0, 0, 0]]))).all()


def test_constant_volume_holds_no_image() -> None:
    with pytest.raises(InfeasibleError, match="no image"):
        bone_map(Volume(np.ones((50, 50, 50)), np.zeros(3), np.ones(3), np.eye(3)))
