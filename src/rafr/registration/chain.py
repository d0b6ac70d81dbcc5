"""The chain of transforms from CBCT and tracker to the robot (docs/architecture.md).

Every function is a plain product of poses and works in m or in mm, as long as all of its arguments
agree; live use is SI (`rafr.units.to_metres` turns registrations into it).
"""

from __future__ import annotations

from rafr.geometry import RigidTransform


def marker_from_ct(T_cbct_marker: RigidTransform, T_cbct_ct: RigidTransform) -> RigidTransform:
    """`T_marker_ct` of the reference body: constant while its marker sits firmly in the bone (step 2)."""
    return T_cbct_marker.inverse() @ T_cbct_ct


def fragment_marker_from_ct(
    T_tracker_fragment_marker: RigidTransform,
    T_tracker_reference_marker: RigidTransform,
    T_cbct_marker: RigidTransform,
    T_cbct_ct: RigidTransform,
) -> RigidTransform:
    """`T_fragment_marker_ct` of a moving body (step 2).

    Both tracker poses belong to the time of the CBCT: its spheres are on the reference tool, so the
    fragment's own marker is reached through the tracker.
    """
    T_tracker_cbct = T_tracker_reference_marker @ T_cbct_marker.inverse()
    return T_tracker_fragment_marker.inverse() @ T_tracker_cbct @ T_cbct_ct


def tracker_from_pelvis(
    T_tracker_reference_marker: RigidTransform, T_marker_ct: RigidTransform
) -> RigidTransform:
    """`T_tracker_pelvis`: the reference body's CT frame as the tracker sees it now (step 3)."""
    return T_tracker_reference_marker @ T_marker_ct


def current_from_displaced(
    T_tracker_pelvis: RigidTransform,
    T_tracker_fragment_marker: RigidTransform,
    T_fragment_marker_ct: RigidTransform,
) -> RigidTransform:
    """`T_current_displaced`: how a fragment stands now, in the reference body's CT frame (step 3)."""
    return T_tracker_pelvis.inverse() @ T_tracker_fragment_marker @ T_fragment_marker_ct


def base_from_pelvis(
    T_base_marker: RigidTransform,
    T_tracker_base_marker: RigidTransform,
    T_tracker_pelvis: RigidTransform,
) -> RigidTransform:
    """`T_base_pelvis` through the marker that is fixed to the base (step 4)."""
    return T_base_marker @ T_tracker_base_marker.inverse() @ T_tracker_pelvis
