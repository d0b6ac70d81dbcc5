"""itk-elastix beside rafr's registration: the same body to the same image, from a start near the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.spatial.transform import Rotation

from rafr.bench.scans import Patient, random_motion
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume

_NEAR_MM, _NEAR_DEG = 5.0, 5.0


def start_near(true: RigidTransform, centre: np.ndarray, rng: np.random.Generator) -> RigidTransform:
    """Within 5 mm and 5° of the truth, for elastix has no global search; `centre` (3,) is the body's, in
    the CT.
    """
    return random_motion(rng, _NEAR_MM, _NEAR_DEG, true.apply(centre)) @ true


def load() -> None:
    """Loads itk's modules, which takes seconds, so that they are in no measured time."""
    import itk

    assert itk.ElastixRegistrationMethod is not None


def register(patient: Patient, body: str, cbct: Volume, start: RigidTransform) -> RigidTransform:
    """`T_cbct_ct`: fixed is the body and some mm about it; mutual information, several levels."""
    import itk

    values = next(b.labels for b in patient.bodies if b.name == body)
    index = np.argwhere(np.isin(patient.labels.array, values))
    low, high = np.maximum(index.min(axis=0) - 10, 0), index.max(axis=0) + 11
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask = binary_dilation(np.isin(patient.labels.array[window], values), iterations=6)

    def as_itk(array: np.ndarray, origin: np.ndarray, like: Volume) -> Any:
        image = itk.image_from_array(np.ascontiguousarray(array))
        image.SetOrigin(origin.tolist())
        image.SetSpacing(like.spacing.tolist())
        image.SetDirection(itk.matrix_from_array(like.direction))
        return image

    origin = patient.ct.index_to_lps(low[::-1])
    fixed = as_itk(patient.ct.array[window].astype(np.float32), origin, patient.ct)
    region = as_itk(mask.astype(np.uint8), origin, patient.ct)
    moving = as_itk(np.maximum(cbct.array, -1024).astype(np.float32), cbct.origin, cbct)
    # the moving image is laid where the start would have it: elastix then begins at the identity
    placed = start.inverse()
    moving.SetOrigin(placed.apply(cbct.origin).tolist())
    moving.SetDirection(itk.matrix_from_array(placed.rotation @ cbct.direction))
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(itk.ParameterObject.GetDefaultParameterMap("rigid", 3))
    parameters.SetParameter(0, "AutomaticTransformInitialization", "false")
    parameters.SetParameter(0, "MaximumNumberOfIterations", "500")
    parameters.SetParameter(0, "NumberOfSpatialSamples", "4000")
    parameters.SetParameter(0, "ImageSampler", "RandomSparseMask")
    parameters.SetParameter(0, "WriteResultImage", "false")
    method = itk.ElastixRegistrationMethod.New(fixed, moving)
    method.SetFixedMask(region)
    method.SetParameterObject(parameters)
    method.SetLogToConsole(False)
    method.UpdateLargestPossibleRegion()
    result = method.GetTransformParameterObject().GetParameterMap(0)
    angles = [float(v) for v in result["TransformParameters"]]
    centre = np.array([float(v) for v in result["CenterOfRotationPoint"]])
    # Euler3DTransform: Rz Rx Ry about the centre
    rotation = Rotation.from_euler("ZXY", [angles[2], angles[0], angles[1]]).as_matrix()
    moved = RigidTransform(rotation, centre + np.array(angles[3:]) - rotation @ centre)
    return start @ moved
