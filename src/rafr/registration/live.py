"""Where bones and patient are now, from what tracker, registration and odometry said last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rafr.geometry import RigidTransform
from rafr.registration import chain
from rafr.tracking.tools import BASE_TOOL, REFERENCE_TOOL, fragment_tool


@dataclass(frozen=True, slots=True, eq=False)
class Tracking:
    """What the tracker and the registration say together.

    Attributes:
        t: s, when the tracker's frame was exposed.
        T_base_pelvis: m, or None while the chain is broken.
        T_current_displaced: per moving body that is seen, m, reference body's CT frame.
    """

    t: float
    T_base_pelvis: RigidTransform | None
    T_current_displaced: Mapping[str, RigidTransform]


@dataclass(frozen=True, slots=True)
class LiveChain:
    """The constants of a registration.

    Attributes:
        reference: name of the reference body.
        T_marker_ct: per body, its CT coordinates in its tool's marker frame, m; the reference's included.
        T_base_marker: m, calibrated.
    """

    reference: str
    T_marker_ct: Mapping[str, RigidTransform]
    T_base_marker: RigidTransform

    def tracking(self, t: float, T_tracker_tool: Mapping[str, RigidTransform]) -> Tracking | None:
        """What one tracker frame says; None while the reference tool is not seen. t: its exposure, s."""
        reference = T_tracker_tool.get(REFERENCE_TOOL)
        if reference is None:
            return None
        T_tracker_pelvis = chain.tracker_from_pelvis(reference, self.T_marker_ct[self.reference])
        base = T_tracker_tool.get(BASE_TOOL)
        T_base_pelvis = (
            None if base is None else chain.base_from_pelvis(self.T_base_marker, base, T_tracker_pelvis)
        )
        fragments = {
            body: chain.current_from_displaced(
                T_tracker_pelvis, T_tracker_tool[fragment_tool(body)], T_marker_ct
            )
            for body, T_marker_ct in self.T_marker_ct.items()
            if body != self.reference and fragment_tool(body) in T_tracker_tool
        }
        return Tracking(t, T_base_pelvis, fragments)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One look at the room; all poses in m.

    Attributes:
        tools: `T_tracker_marker` of the tools seen.
        T_marker_ct: of the bodies registered.
        T_world_base: odometry; None before it has spoken.
        registration_error: m, rms over the body's surface, of the bodies registered with one.
    """

    tools: Mapping[str, RigidTransform]
    T_marker_ct: Mapping[str, RigidTransform]
    T_world_base: RigidTransform | None
    registration_error: Mapping[str, float] = field(default_factory=dict)

    def T_tracker_pelvis(self, reference: str) -> RigidTransform | None:
        """The reference body's CT frame as the tracker sees it; None while it cannot."""
        marker, T_marker_ct = self.tools.get(REFERENCE_TOOL), self.T_marker_ct.get(reference)
        if marker is None or T_marker_ct is None:
            return None
        return chain.tracker_from_pelvis(marker, T_marker_ct)

    def bodies(self, reference: str, moving: Sequence[str]) -> dict[str, RigidTransform]:
        """`T_current_displaced` of the moving bodies that are seen."""
        T_tracker_pelvis = self.T_tracker_pelvis(reference)
        if T_tracker_pelvis is None:
            return {}
        return {
            name: chain.current_from_displaced(
                T_tracker_pelvis, self.tools[fragment_tool(name)], self.T_marker_ct[name]
            )
            for name in moving
            if fragment_tool(name) in self.tools and name in self.T_marker_ct
        }

    def T_world_tracker(self, T_base_marker: RigidTransform) -> RigidTransform | None:
        """Through the tool on the base, whose mount is calibrated."""
        if self.T_world_base is None or BASE_TOOL not in self.tools:
            return None
        return self.T_world_base @ T_base_marker @ self.tools[BASE_TOOL].inverse()

    def T_world_pelvis(self, reference: str, T_base_marker: RigidTransform) -> RigidTransform | None:
        """Where the patient lies in the room."""
        T_world_tracker = self.T_world_tracker(T_base_marker)
        T_tracker_pelvis = self.T_tracker_pelvis(reference)
        if T_world_tracker is None or T_tracker_pelvis is None:
            return None
        return T_world_tracker @ T_tracker_pelvis
