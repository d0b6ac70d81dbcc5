import numpy as np
import pytest

from rafr.cases.bodies import GroupingConfig, explain_bodies, propose_bodies
from rafr.cases.pengwin import read_pengwin


def bodies(labels, config=None):
    return {b.name: b.labels for b in explain_bodies(labels, config).bodies}


def test_an_intact_pelvis_is_one_body(blocks):
    build, boxes = blocks
    assert bodies(build(boxes)) == {"reference": (1, 11, 21)}


def test_a_hip_torn_off_the_sacrum_moves(pelvis_labels):
    assert bodies(pelvis_labels) == {"reference": (1, 21), "left_hip": (11,)}


def test_a_crescent_fragment_stays_with_the_sacrum_and_the_hip_moves(blocks):
    build, boxes = blocks
    boxes[13] = ((34, 0, 0), (60, 30, 60))
    boxes[11] = ((34, -70, 0), (60, -1, 60))  # larger, but 1 mm from the fragment: a fracture
    assert bodies(build(boxes)) == {"reference": (1, 13, 21), "left_hip": (11,)}


def test_a_sacral_fracture_takes_the_hip_along_as_a_hemipelvis(blocks):
    build, boxes = blocks
    boxes[1] = ((-8, 0, 0), (30, 30, 60))
    boxes[2] = ((-30, 0, 0), (-10, 30, 60))
    assert bodies(build(boxes)) == {"reference": (1, 11), "right_hemipelvis": (2, 21)}


def test_touching_at_the_symphysis_holds_nothing_together(blocks):
    build, boxes = blocks
    boxes[11] = ((42, -40, 0), (68, 30, 60))
    boxes[12] = ((-20, -42, 0), (41, -30, 30))  # pubic piece across, 1 mm from both hips
    boxes[21] = ((-60, -40, 0), (-34, 30, 60))
    assert bodies(build(boxes)) == {"reference": (1, 21), "left_hip": (11,), "left_hip_fragment": (12,)}


def test_a_tiny_piece_rides_with_its_nearest_neighbour_and_is_mentioned(blocks):
    build, boxes = blocks
    boxes[11] = ((42, -40, 0), (68, 30, 60))
    boxes[15] = ((70, -30, 10), (78, -22, 18))  # 0.5 cm³
    proposal = explain_bodies(build(boxes))
    assert proposal.bodies[1].labels == (11, 15)
    assert any("15 is tiny" in r for r in proposal.reasons)


def test_two_loose_fragments_of_a_bone_get_names_of_their_own(blocks):
    build, boxes = blocks
    boxes[12] = ((34, -80, 0), (60, -50, 20))
    boxes[13] = ((34, -80, 30), (60, -50, 60))
    assert set(bodies(build(boxes))) == {"reference", "left_hip_fragment", "left_hip_fragment_2"}


def test_a_side_clearly_wider_than_the_other_is_loose(blocks):
    build, boxes = blocks
    boxes[11] = ((32, -40, 0), (58, 30, 60))  # 2 mm wide; the right joint is 4 mm: no diastasis yet
    assert bodies(build(boxes)) == {"reference": (1, 11), "right_hip": (21,)}


def test_beside_a_fracture_a_wide_joint_is_judged_by_the_other_side(blocks):
    build, boxes = blocks
    boxes[13] = ((32, 0, 0), (60, 30, 60))  # 2 mm from the sacrum; the right hip 4 mm
    boxes[11] = ((34, -70, 0), (60, -1, 60))
    labels = build(boxes)
    proposal = explain_bodies(labels)
    assert {b.labels for b in proposal.bodies} == {(1, 13), (21,), (11,)}
    assert any("the other side's" in reason for reason in proposal.reasons)
    patient = GroupingConfig(wide_gap_mm=4.9)
    assert bodies(labels, patient) == {"reference": (1, 13, 21), "left_hip": (11,)}


def test_a_joint_that_is_wide_and_faces_over_a_small_area_has_slid_apart(blocks):
    build, boxes = blocks
    boxes[11] = ((34, -40, 28), (60, 30, 88))  # 4.2 mm face to face, over only 10 cm²
    labels = build(boxes)
    assert bodies(labels) == {"reference": (1, 21), "left_hip": (11,)}
    assert bodies(labels, GroupingConfig(wide_area_mm2=800.0)) == {"reference": (1, 11, 21)}
    assert bodies(labels, GroupingConfig(wide_gap_mm=4.9)) == {"reference": (1, 11, 21)}


def test_without_a_sacrum_the_largest_piece_is_the_reference(blocks):
    build, boxes = blocks
    del boxes[1]
    boxes[21] = ((-80, -60, 0), (-34, 30, 60))
    assert bodies(build(boxes)) == {"reference": (21,), "left_hip": (11,)}


@pytest.mark.parametrize(
    "change",
    [
        {"joint_gap_mm": 2.0},
        {"joint_area_mm2": 5000.0, "wide_gap_mm": 5.0},
        {"facing_mm": 2.0},
        {"tiny_mm3": 50000.0},
    ],
)
def test_every_threshold_matters(blocks, change):
    build, boxes = blocks
    labels = build({**boxes, 12: ((34, -80, 0), (60, -50, 20))})
    assert bodies(labels, GroupingConfig(**change)) != bodies(labels)


def test_the_asymmetry_and_voxel_settings_matter(blocks):
    build, boxes = blocks
    boxes[11] = ((32, -40, 0), (58, 30, 60))
    assert len(bodies(build(boxes), GroupingConfig(asymmetry_mm=4.0))) == 1
    # voxels of 12 mm measure other joint widths
    coarse = explain_bodies(build(boxes), GroupingConfig(voxel_mm=12.0))
    assert coarse.reasons != explain_bodies(build(boxes)).reasons


@pytest.mark.parametrize("direction", [np.diag([-1.0, -1, 1]), np.diag([1.0, -1, 1])])
def test_the_proposal_does_not_depend_on_the_storage_order(pelvis_labels, direction):
    from rafr.imaging.volume import Volume

    flips = np.diag(direction)
    array = pelvis_labels.array[:, :: int(flips[1]), :: int(flips[0])]
    last = np.array(pelvis_labels.size) - 1
    origin = pelvis_labels.index_to_lps(np.where(flips < 0, last, 0))
    turned = Volume(array.copy(), origin, pelvis_labels.spacing, direction)
    assert propose_bodies(turned) == propose_bodies(pelvis_labels)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ("001", {"reference": (1, 13), "right_hip": (21,), "left_hip": (11,)}),
        ("005", {"reference": (1, 11, 23), "right_hip": (21,), "left_hip_fragment": (12, 22)}),
    ],
)
def test_real_patients_are_grouped_as_a_surgeon_would(data_folder, patient, expected):
    labels = read_pengwin(data_folder / "pengwin" / patient).labels
    assert bodies(labels) == expected
