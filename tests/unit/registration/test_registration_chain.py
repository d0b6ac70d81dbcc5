"""The chain of transforms recovers true poses exactly."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.geometry import RigidTransform
from rafr.registration.chain import (
    base_from_pelvis,
    current_from_displaced,
    fragment_marker_from_ct,
    marker_from_ct,
    tracker_from_pelvis,
)

EXACT = 1e-9  # m and rad: rounding of a dozen products of poses a few metres apart


def random_pose(rng: np.random.Generator) -> RigidTransform:
    return RigidTransform.from_rotvec(rng.uniform(-1.7, 1.7, 3), rng.uniform(-3, 3, 3))


def assert_same(actual: RigidTransform, expected: RigidTransform) -> None:
    np.testing.assert_allclose(actual.matrix, expected.matrix, atol=EXACT)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_chain_recovers_fragment_and_base_after_everything_moved(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # constant: markers in their bones, marker on the base
    T_marker_ct, T_fragmarker_ct, T_base_marker = (random_pose(rng) for _ in range(3))
    # at the time of the CBCT: where scanner, tracker and both bones were in the room
    T_world_cbct, T_world_tracker, T_world_pelvis = (random_pose(rng) for _ in range(3))
    T_moved = random_pose(rng)  # of the fragment since the CT
    T_world_fragment = T_world_pelvis @ T_moved
    T_world_marker = T_world_pelvis @ T_marker_ct.inverse()
    T_tracker_marker = T_world_tracker.inverse() @ T_world_marker
    T_tracker_fragmarker = T_world_tracker.inverse() @ T_world_fragment @ T_fragmarker_ct.inverse()
    T_cbct_marker = T_world_cbct.inverse() @ T_world_marker

    found_reference = marker_from_ct(T_cbct_marker, T_world_cbct.inverse() @ T_world_pelvis)
    found_fragment = fragment_marker_from_ct(
        T_tracker_fragmarker, T_tracker_marker, T_cbct_marker, T_world_cbct.inverse() @ T_world_fragment
    )
    assert_same(found_reference, T_marker_ct)
    assert_same(found_fragment, T_fragmarker_ct)

    # later: tracker, pelvis, fragment and base stand somewhere else
    T_world_tracker, T_world_pelvis, T_current_displaced, T_world_base = (random_pose(rng) for _ in range(4))
    T_tracker_world = T_world_tracker.inverse()
    T_tracker_pelvis = tracker_from_pelvis(
        T_tracker_world @ T_world_pelvis @ T_marker_ct.inverse(), found_reference
    )
    assert_same(T_tracker_pelvis, T_tracker_world @ T_world_pelvis)
    T_tracker_fragmarker = T_tracker_world @ T_world_pelvis @ T_current_displaced @ T_fragmarker_ct.inverse()
    assert_same(
        current_from_displaced(T_tracker_pelvis, T_tracker_fragmarker, found_fragment), T_current_displaced
    )
    T_tracker_basemarker = T_tracker_world @ T_world_base @ T_base_marker
    assert_same(
        base_from_pelvis(T_base_marker, T_tracker_basemarker, T_tracker_pelvis),
        T_world_base.inverse() @ T_world_pelvis,
    )
