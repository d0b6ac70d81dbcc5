"""The colours of a path: more force or less room is brighter, overlap cannot be taken for anything else."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.planning.plan import PathPose
from rafr.review.path_colours import (
    AMPLE_MM,
    FULL_FORCE,
    OVERLAP,
    UNKNOWN,
    beside,
    clearance_colours,
    force_colours,
    path_caption,
)

# linear maps of colours as people with one kind of cone missing see them (Machado et al. 2009, severity 1)
BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
FORCES = np.linspace(0.0, FULL_FORCE, 50)


def test_the_ramp_is_viridis():
    import matplotlib

    shares = np.linspace(0.0, 1.0, 6)
    viridis = matplotlib.colormaps["viridis"](0.375 + 0.625 * shares)[:, :3]
    assert force_colours(FULL_FORCE * shares) == pytest.approx(viridis, abs=0.006)


def test_more_force_and_less_room_are_brighter():
    assert (np.diff(force_colours(FORCES) @ BRIGHTNESS) > 0).all()
    assert (np.diff(clearance_colours(np.linspace(0.0, AMPLE_MM, 50)) @ BRIGHTNESS) < 0).all()


def test_beyond_the_scale_nothing_changes():
    assert np.array_equal(force_colours([FULL_FORCE]), force_colours([5 * FULL_FORCE]))
    assert np.array_equal(clearance_colours([AMPLE_MM]), clearance_colours([50.0]))


@pytest.mark.parametrize("kind", BLINDNESS)
def test_overlap_is_far_from_every_clearance_with_every_colour_vision(kind):
    seen = np.asarray(BLINDNESS[kind])
    ramp = clearance_colours(np.linspace(0.0, AMPLE_MM, 50)) @ seen.T
    # of a cube of side 1; neighbouring tenths of the ramp are about 0.1 apart
    assert np.linalg.norm(ramp - seen @ np.array(OVERLAP), axis=1).min() > 0.3


def test_overlap_begins_below_zero():
    colours = clearance_colours([-1e-6, 0.0])
    assert tuple(colours[0]) == OVERLAP
    assert tuple(colours[1]) != OVERLAP


def test_what_is_not_a_number_is_grey():
    assert tuple(force_colours([np.nan])[0]) == UNKNOWN
    assert tuple(clearance_colours([np.nan])[0]) == UNKNOWN


@pytest.mark.parametrize(
    ("clearance", "words"), [(0.84, "clearance from 0.8 mm"), (-1.26, "OVERLAP of 1.3 mm")]
)
def test_the_caption_names_the_worst(clearance, words):
    here = RigidTransform.identity()
    path = [PathPose(here, 4.0, 112.4, 1.0), PathPose(here, clearance, 30.0, 1.0)]
    assert path_caption("wing", path) == f"wing: force up to 112 N, {words}"


@pytest.mark.parametrize("way", [(0.01, 0.0, 0.0), (0.01, -0.02, 0.03), (0.0, 0.0, 0.0)])
def test_the_line_beside_is_shifted_as_a_whole_across_the_way(way):
    places = np.linspace((0.1, 0.2, 0.3), np.add((0.1, 0.2, 0.3), way), 5)
    shift = beside(places, 0.003) - places
    assert shift == pytest.approx(np.tile(shift[0], (5, 1)))
    assert np.linalg.norm(shift[0]) == pytest.approx(0.003)
    assert shift[0] @ way == pytest.approx(0.0, abs=1e-12)
