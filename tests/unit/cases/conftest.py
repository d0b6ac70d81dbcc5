"""A pelvis of blocks: a sacrum between two hips, 3 mm of joint on either side."""

import numpy as np
import pytest

from rafr.cases.case import Body, Case, save_case
from rafr.imaging.volume import Volume, write_volume

SPACING = 2.0  # mm


def block_pelvis(boxes):
    """Labels on a 2 mm grid from {label: (lower, upper)} boxes in LPS mm."""
    low = np.min([b[0] for b in boxes.values()], axis=0) - 10.0
    high = np.max([b[1] for b in boxes.values()], axis=0) + 10.0
    ni, nj, nk = np.ceil((high - low) / SPACING).astype(int)
    array = np.zeros((nk, nj, ni), np.uint8)
    for label, (lower, upper) in boxes.items():
        i0, j0, k0 = np.rint((np.array(lower) - low) / SPACING).astype(int)
        i1, j1, k1 = np.rint((np.array(upper) - low) / SPACING).astype(int)
        array[k0:k1, j0:j1, i0:i1] = label
    return Volume(array, low + 0.5 * SPACING, np.full(3, SPACING), np.eye(3))


INTACT = {
    1: ((-30, 0, 0), (30, 30, 60)),
    11: ((34, -40, 0), (60, 30, 60)),
    21: ((-60, -40, 0), (-34, 30, 60)),
}


@pytest.fixture
def blocks():
    """(builder, boxes of an intact pelvis)."""
    return block_pelvis, dict(INTACT)


@pytest.fixture
def pelvis_labels():
    """Left hip torn off the sacrum: its joint is 12 mm wide."""
    return block_pelvis({**INTACT, 11: ((42, -40, 0), (68, 30, 60))})


@pytest.fixture
def ct_of():
    """A CT for labels: bone 700 HU, soft tissue 40 HU."""
    return lambda labels: labels.with_array(np.where(labels.array > 0, 700, 40).astype(np.int16))


@pytest.fixture
def case(tmp_path, pelvis_labels, ct_of, monkeypatch):
    """A saved case with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "case"
    folder.mkdir()
    write_volume(folder / "ct.nii.gz", ct_of(pelvis_labels))
    write_volume(folder / "labels.nii.gz", pelvis_labels)
    bodies = (Body("reference", (1, 21)), Body("left_hip", (11,)))
    case = Case(folder, "blocks", folder / "ct.nii.gz", folder / "labels.nii.gz", None, bodies)
    save_case(case)
    return case
