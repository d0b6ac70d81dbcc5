"""Accuracy against the truth of a simulated patient. Only this measurement opens the truth."""

import os
from pathlib import Path

import numpy as np
import pytest

from rafr.bench import scans
from rafr.cases.load import open_case
from rafr.cases.meshes import body_meshes
from rafr.cases.truth import read_truth
from rafr.imaging.readers import read_volume
from rafr.registration.fiducials import locate_fiducials
from rafr.registration.register import register_case

_ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("RAFR_DATA", _ROOT.parent / "shared" / "data"))
LIMIT_MM = {"reference": 0.5, "moving": 0.7}  # what the procedure budgets for registration


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    from rafr.cases.pelvis import read_pelvis
    from rafr.cases.simulate import simulate_case

    path = DATA / "vsd" / "z042.mat"
    if not path.exists():
        pytest.skip(f"{path} is absent (set RAFR_DATA)")
    out = tmp_path_factory.mktemp("cases") / "z042"
    simulate_case(read_pelvis(path), "denis1", 11, out)
    return open_case(out)


@pytest.mark.slow
@pytest.mark.data
def test_bodies_and_fiducial_frame_of_a_simulated_patient_are_found(case) -> None:
    truth = read_truth(case)
    cbct = read_volume(case.cbct)
    result = register_case(case, cbct)
    assert result.assessment.accepted, result.assessment.reasons
    for body, mesh in body_meshes(case).items():
        points = mesh.mesh.vertices
        gap = result.body(body).T_cbct_ct.apply(points) - truth.T_cbct_ct[body].apply(points)
        limit = LIMIT_MM["reference" if body == case.reference.name else "moving"]
        assert np.linalg.norm(gap, axis=1).mean() < limit
    fiducials = locate_fiducials(cbct, case.fiducials_mm)
    centre = truth.T_cbct_ct["reference"].apply(body_meshes(case)["reference"].mesh.centroid)
    shift = (fiducials.T_cbct_marker @ truth.T_cbct_marker.inverse()).apply(centre) - centre
    assert fiducials.found >= 5
    # an expected error is an rms: single errors stay below three times of it
    assert np.linalg.norm(shift) < max(3 * float(fiducials.tre_mm(centre)), 0.3)


@pytest.fixture(scope="module")
def clinical():
    """A real CT of 3 mm with soft tissue and a metal implant, left and right hip able to move."""
    from rafr.cases.case import Body
    from rafr.imaging.meshing import mesh_from_labels
    from rafr.imaging.readers import read_labels

    folder = DATA / "ct_soft_tissue"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (set RAFR_DATA)")
    bones = {"sacrum": 1, "hip_left": 11, "hip_right": 21}
    masks = {value: read_labels(next(folder.glob(f"seg_{name}_*"))) for name, value in bones.items()}
    labels = masks[1].with_array(np.zeros_like(masks[1].array))
    for value, mask in masks.items():
        labels.array[mask.array > 0] = value
    bodies = (Body("reference", (1, 11)), Body("right_hip", (21,)))
    meshes = {b.name: mesh_from_labels(labels, b.labels) for b in bodies}
    return scans.Patient("clinical", read_volume(folder / "example_ct.nii.gz"), labels, bodies, meshes)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_real_ct_with_soft_tissue_and_metal_is_registered_and_its_mirror_image_refused(clinical, mirrored):
    from rafr.registration.register import register_bodies

    rng = np.random.default_rng(5)
    patient = scans.scanned(clinical, rng)
    truth = scans.true_poses(patient, rng)
    cbct = scans.image_of(clinical, truth, rng)
    given = scans.mirrored(patient) if mirrored else patient
    found = register_bodies(given.ct, given.labels, given.bodies, given.meshes, cbct)
    assert found.assessment.accepted is not mirrored
    for body in () if mirrored else found.bodies:
        mean, p99 = scans.error_mm(body.T_cbct_ct, truth[body.name], patient.meshes[body.name])
        assert mean < 0.3  # mm: a tenth of the CT's voxel
        assert p99 < 0.5
