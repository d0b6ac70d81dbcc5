"""How a tracked drill stands to the screw that is planned: pure, live, without ROS (SI).

Errors are standard deviations of first order: the tool's pose, that of the marker the bone carries, and the
registration between them are independent. What a drill does to its own marker (bending, a loose chuck) and
bone that moved against its marker are not in them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from rafr.config import option
from rafr.fixation.implants.catalogue import DrillTool
from rafr.fixation.implants.implant import Screw
from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting
from rafr.tracking.tools import DRILL_TOOL
from rafr.units import METRES_PER_MM


@dataclass(frozen=True, slots=True)
class TrackingError:
    """Standard deviations of what stands between drill and bone, per axis."""

    tool: float = option(2.5e-4, "place of the drill's marker", unit="m", lower=0.0, upper=0.01)
    marker: float = option(2.5e-4, "place of the bone's marker", unit="m", lower=0.0, upper=0.01)
    tool_turn: float = option(2e-3, "rotation of the drill's marker", unit="rad", lower=0.0, upper=0.1)
    marker_turn: float = option(2e-3, "rotation of the bone's marker", unit="rad", lower=0.0, upper=0.1)
    registration: float = option(
        1e-3, "of the bone, where its registration states no error", unit="m", lower=0.0, upper=0.02
    )


@dataclass(frozen=True, slots=True)
class DrillGuidance:
    """Where the drill is (m, rad), with standard deviations.

    Attributes:
        to_entry: tip to planned entry.   off_axis: tip to planned axis.   angle: between both axes.
        to_go: along the planned axis to its tip; negative: too deep.
        depth: along it from the entry; negative: still outside.
        off_axis_sd: of the tip in one direction across the axis.   angle_sd: in one direction.
        depth_sd: along the axis.
        toward: (3,) m, from the tip square to the planned axis, in the axes of the bone's CT.
    """

    to_entry: float
    off_axis: float
    angle: float
    to_go: float
    depth: float
    off_axis_sd: float
    angle_sd: float
    depth_sd: float
    toward: tuple[float, float, float]


def guide(
    screw: Screw, T_ct_drill: RigidTransform, tool: DrillTool, error: TrackingError | None = None
) -> DrillGuidance:
    """The drill against one planned screw.

    Args:
        screw: LPS mm, in the CT of the bone that is tracked.
        T_ct_drill: m, of the drill's marker in that CT (`drill_in_bone`).
    """
    error = error or TrackingError()
    entry, axis = screw.entry * METRES_PER_MM, screw.direction
    tip, pointing = T_ct_drill.apply(tool.tip), T_ct_drill.rotate(tool.axis)
    from_entry = tip - entry
    depth = float(from_entry @ axis)
    across = depth * axis - from_entry
    angle = math.atan2(float(np.linalg.norm(np.cross(pointing, axis))), float(pointing @ axis))
    # a marker's turn moves the tip by the arm it is away; both markers' arms are taken as the drill's own
    arm = float(np.linalg.norm(tool.tip))
    turn = math.hypot(error.tool_turn, error.marker_turn)
    spread = math.hypot(error.tool, error.marker, error.registration, tool.tip_sd, arm * turn)
    return DrillGuidance(
        to_entry=float(np.linalg.norm(from_entry)),
        off_axis=float(np.linalg.norm(across)),
        angle=angle,
        to_go=screw.length_mm * METRES_PER_MM - depth,
        depth=depth,
        off_axis_sd=spread,
        angle_sd=math.hypot(turn, tool.axis_sd),
        depth_sd=spread,
        toward=(float(across[0]), float(across[1]), float(across[2])),
    )


def drill_in_bone(
    T_marker_ct: RigidTransform, T_tracker_marker: RigidTransform, T_tracker_drill: RigidTransform
) -> RigidTransform:
    """`T_ct_drill` (m): the drill's marker in the CT of the bone whose marker was seen at the same time."""
    return T_marker_ct.inverse() @ T_tracker_marker.inverse() @ T_tracker_drill


def guidance_text(now: DrillGuidance) -> str:
    """One line for a screen: mm, degrees, ± one standard deviation."""
    way = f"{1e3 * now.to_go:.0f} mm to go" if now.to_go >= 0 else f"{-1e3 * now.to_go:.0f} mm TOO DEEP"
    start = f"entry {1e3 * now.to_entry:.1f} mm away, " if now.depth < 0 else ""
    return (
        f"{start}axis {1e3 * now.off_axis:.1f} ± {1e3 * now.off_axis_sd:.1f} mm off, "
        f"{math.degrees(now.angle):.1f} ± {math.degrees(now.angle_sd):.1f}°, {way}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A screw to be drilled for.

    Attributes:
        body: in whose CT it is given.   tool: the tracked tool that body carries.
    """

    screw: Screw
    body: str
    tool: str


def guide_to_nearest(
    sighting: Sighting, targets: Iterable[Target], tool: DrillTool, error: TrackingError | None = None
) -> tuple[Target, DrillGuidance] | None:
    """Against the target whose axis, outside or in bone, the tip is nearest; None where nothing can be said.

    That needs the drill, the target's bone and its registration, all seen. A registration that states its
    error (rms in three axes) is believed; `error` has the rest.
    """
    error = error or TrackingError()
    drill = sighting.tools.get(DRILL_TOOL)
    found = []
    for target in targets:
        marker, T_marker_ct = sighting.tools.get(target.tool), sighting.T_marker_ct.get(target.body)
        if drill is None or marker is None or T_marker_ct is None:
            continue
        stated = sighting.registration_error.get(target.body, 0.0) / math.sqrt(3.0)
        own = replace(error, registration=stated) if stated > 0.0 else error
        now = guide(target.screw, drill_in_bone(T_marker_ct, marker, drill), tool, own)
        beyond = max(-now.depth, -now.to_go, 0.0)
        found.append((math.hypot(now.off_axis, beyond), target, now))
    if not found:
        return None
    _, target, now = min(found, key=lambda f: f[0])
    return target, now
