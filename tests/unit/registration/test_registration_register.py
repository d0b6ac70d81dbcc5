"""Bodies are found wherever they lie, each by itself; what cannot be trusted is not accepted."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.registration.register import register_bodies
from rafr.registration.result import RegistrationResult

BODY_NAMES = ("reference", "fragment")
# mm: a fifth of the phantom's voxel of 1.5 mm
ACCURACY_MM = 0.3


def register(phantom, cbct: Volume, **options) -> RegistrationResult:
    from rafr.cases.case import Body

    bodies = (Body("reference", (1,)), Body("fragment", (11,)))
    return register_bodies(phantom.ct, phantom.labels, bodies, phantom.meshes, cbct, **options)


def error_mm(phantom, result: RegistrationResult, truth: dict[str, RigidTransform], name: str) -> float:
    points = phantom.meshes[name].vertices
    gap = result.body(name).T_cbct_ct.apply(points) - truth[name].apply(points)
    return float(np.linalg.norm(gap, axis=1).mean())


@pytest.mark.parametrize(
    ("seed", "turn_deg", "shift_mm"),
    [
        pytest.param(0, 15.0, 40.0, marks=pytest.mark.slow),
        pytest.param(1, 30.0, 60.0, marks=pytest.mark.slow),
        pytest.param(2, 40.0, 60.0, marks=pytest.mark.slow),
    ],
)
def test_both_bodies_are_found_though_they_moved_apart(phantom, seed, turn_deg, shift_mm) -> None:
    rng = np.random.default_rng(seed)
    truth = phantom.poses(rng, turn_deg, shift_mm)
    result = register(phantom, phantom.cbct(truth, rng))
    assert result.assessment.accepted, result.assessment.reasons
    for name in BODY_NAMES:
        assert error_mm(phantom, result, truth, name) < ACCURACY_MM
        # an estimate worth its name: no less than a third of the error, no more than a millimetre
        assert error_mm(phantom, result, truth, name) / 3 < result.body(name).tre_estimate_mm < 1.0


@pytest.mark.slow
def test_relative_motion_of_the_fragment_is_recovered(phantom) -> None:
    rng = np.random.default_rng(5)
    truth = phantom.poses(rng, 10.0, 20.0)
    result = register(phantom, phantom.cbct(truth, rng))
    expected = truth["reference"].inverse() @ truth["fragment"]
    found = result.current_from_ct("fragment", "reference")
    assert (expected.inverse() @ found).angle < np.radians(0.5)  # of 4 degrees moved


@pytest.mark.slow
def test_other_patient_is_not_accepted(phantom, other_phantom) -> None:
    rng = np.random.default_rng(0)
    cbct = other_phantom.cbct(other_phantom.poses(rng, 10.0, 20.0), rng)
    result = register(phantom, cbct)
    assert not result.assessment.accepted
    assert any("found in the CBCT" in reason for reason in result.assessment.reasons)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_image_of_nothing_is_not_accepted(phantom, value) -> None:
    empty = Volume(np.full((60, 60, 60), value, np.float32), np.zeros(3), np.full(3, 2.0), np.eye(3))
    result = register(phantom, empty)
    assert not result.assessment.accepted
    assert "holds no image" in result.assessment.reasons[0]
    assert {b.name for b in result.bodies} == set(BODY_NAMES)
    assert all(b.overlap == 0.0 for b in result.bodies)


@pytest.mark.slow
def test_noise_is_not_accepted(phantom) -> None:
    noise = np.random.default_rng(0).normal(size=(80, 90, 90)).astype(np.float32)
    result = register(phantom, Volume(noise, np.zeros(3), np.full(3, 2.0), np.eye(3)))
    assert not result.assessment.accepted


@pytest.mark.slow
def test_grid_orientation_and_missing_values_do_not_matter(phantom) -> None:
    rng = np.random.default_rng(3)
    truth = phantom.poses(rng, 12.0, 30.0)
    plain = phantom.cbct(truth, rng)
    last = np.array([plain.size[0] - 1, 0, 0])
    mirrored_axis = replace(
        plain,
        array=np.ascontiguousarray(plain.array[:, :, ::-1]),
        origin=plain.index_to_lps(last),
        direction=np.diag([-1.0, 1, 1]),
    )
    holes = mirrored_axis.array.copy()
    holes[holes == holes[0, 0, 0]] = np.nan
    result = register(phantom, mirrored_axis.with_array(holes))
    assert result.assessment.accepted, result.assessment.reasons
    for name in BODY_NAMES:
        assert error_mm(phantom, result, truth, name) < ACCURACY_MM


@pytest.mark.slow
def test_body_outside_the_field_of_view_is_not_accepted_but_the_other_is_found(phantom) -> None:
    rng = np.random.default_rng(4)
    truth = phantom.poses(rng, 5.0, 10.0)
    cbct = phantom.cbct(truth, rng)
    index = cbct.lps_to_index(truth["fragment"].apply(phantom.meshes["fragment"].vertices))
    cut = cbct.array.copy()
    cut[:, :, int(index[:, 0].min() + 0.15 * np.ptp(index[:, 0])) :] = cut[0, 0, 0]
    result = register(phantom, cbct.with_array(cut))
    assert not result.assessment.accepted
    assert all(reason.startswith("fragment") for reason in result.assessment.reasons)
    assert result.body("fragment").overlap < 0.4 or result.body("fragment").tre_estimate_mm > 1.0
    assert error_mm(phantom, result, truth, "reference") < 2 * ACCURACY_MM


@pytest.mark.slow
def test_same_seed_gives_the_same_result_and_bodies_can_be_chosen(phantom) -> None:
    rng = np.random.default_rng(6)
    cbct = phantom.cbct(phantom.poses(rng, 10.0, 20.0), rng)
    first, second = (register(phantom, cbct, seed=7, wanted=("fragment",)) for _ in range(2))
    assert [b.name for b in first.bodies] == ["fragment"]
    np.testing.assert_array_equal(
        first.body("fragment").T_cbct_ct.matrix, second.body("fragment").T_cbct_ct.matrix
    )


@pytest.mark.slow
def test_fragment_that_moved_far_by_itself_is_searched_by_itself(phantom) -> None:
    rng = np.random.default_rng(8)
    truth = phantom.poses(rng, 8.0, 15.0)
    centre = phantom.meshes["fragment"].centroid
    far = RigidTransform.from_translation([32.0, 10, -14]) @ RigidTransform.about_point(
        [0.3, -0.2, 0.35], centre
    )
    truth = {"reference": truth["reference"], "fragment": truth["reference"] @ far}
    result = register(phantom, phantom.cbct(truth, rng, radius_mm=140.0))
    assert result.assessment.accepted, result.assessment.reasons
    assert error_mm(phantom, result, truth, "fragment") < ACCURACY_MM
