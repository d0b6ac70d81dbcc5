"""The surface registration agrees with SimpleITK's mutual information, an independent method."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.registration.register import register_bodies

_CONFTEST = Path(__file__).parents[1] / "unit" / "registration" / "conftest.py"


def mutual_information(
    fixed: Volume, mask: Volume, moving: Volume, start: RigidTransform, centre: np.ndarray
) -> RigidTransform:
    """`T_moving_fixed` maximising Mattes mutual information under the mask, from `start`."""
    import SimpleITK as sitk

    def as_sitk(volume: Volume, kind: int):
        return sitk.Cast(volume.to_sitk(), kind)

    euler = sitk.Euler3DTransform()
    euler.SetCenter(centre.tolist())
    euler.SetMatrix(start.rotation.ravel().tolist())
    euler.SetTranslation((start.apply(centre) - centre).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(40)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.3, 1)
    method.SetMetricFixedMask(as_sitk(mask, sitk.sitkUInt8))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(0.5, 1e-3, 150, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(euler, inPlace=True)
    method.Execute(as_sitk(fixed, sitk.sitkFloat32), as_sitk(moving, sitk.sitkFloat32))
    points = np.vstack([np.zeros(3), 100 * np.eye(3)])
    moved = np.array([euler.TransformPoint(p.tolist()) for p in points])
    return RigidTransform(np.column_stack((moved[1:] - moved[0]) / 100.0), moved[0]).renormalised()


@pytest.mark.slow
def test_mutual_information_started_elsewhere_ends_at_the_surface_registration() -> None:
    from scipy.ndimage import binary_dilation

    spec = importlib.util.spec_from_file_location("registration_phantom", _CONFTEST)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    phantom = made.make_phantom(3)
    rng = np.random.default_rng(0)
    truth = phantom.poses(rng, 12.0, 25.0)
    cbct = phantom.cbct(truth, rng)
    found = register_bodies(phantom.ct, phantom.labels, made.BODIES, phantom.meshes, cbct)
    for body in made.BODIES:
        mesh = phantom.meshes[body.name]
        away = RigidTransform.from_translation([1.5, -1.0, 1.0]) @ RigidTransform.about_point(
            [0.03, -0.02, 0.03], truth[body.name].apply(mesh.centroid)
        )
        mask = binary_dilation(phantom.labels.array == body.labels[0], iterations=2).astype(np.uint8)
        start = away @ truth[body.name]
        independent = mutual_information(
            phantom.ct, phantom.labels.with_array(mask), cbct, start, mesh.centroid
        )
        ours = found.body(body.name).T_cbct_ct.apply(mesh.vertices)
        gap = np.linalg.norm(ours - independent.apply(mesh.vertices), axis=1).mean()
        # mm: MI with sampling wanders a tenth of a voxel (1.5 mm); the start was 3 mm away
        assert gap < 0.3
