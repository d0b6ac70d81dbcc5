"""The frames of docs/conventions.md as one tree on `world`; the tools' own come from the tracker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting
from rafr.robot.links import LinkPoses


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The pose (m) of frame `child` in frame `parent`."""

    parent: str
    child: str
    T_parent_child: RigidTransform


class FrameTree:
    """Says where every frame is; what would hang on nothing is left out until it can be placed."""

    def __init__(self, links: LinkPoses, T_base_marker: RigidTransform, reference: str) -> None:
        self._links, self._T_base_marker, self._reference = links, T_base_marker, reference
        self._T_world_tracker: RigidTransform | None = None

    def at(self, seen: Sighting, angles: Mapping[str, float], base_stands: bool) -> Iterator[Frame]:
        """The frames now.

        Args:
            seen: what tracker, registration and odometry said last.
            angles: of the joints by name, rad; empty before they are known.
            base_stands: odometry and tracker, which are not of the same moment, may be put together.
        """
        if seen.T_world_base is not None:
            yield Frame("world", self._links.root, seen.T_world_base)
            if angles:
                yield from self._robot(angles)
        yield from self._patient(seen, base_stands)

    def _robot(self, angles: Mapping[str, float]) -> Iterator[Frame]:
        poses = {self._links.root: RigidTransform.identity(), **self._links.at(angles)}
        for link, parent in self._links.parents.items():
            yield Frame(parent, link, poses[parent].inverse() @ poses[link])

    def _patient(self, seen: Sighting, base_stands: bool) -> Iterator[Frame]:
        """The tracker stays where it was found last: its stand does not move, but its view may be blocked."""
        found = seen.T_world_tracker(self._T_base_marker) if base_stands else None
        if found is not None:
            self._T_world_tracker = found
        if self._T_world_tracker is None:
            return
        yield Frame("world", "tracker", self._T_world_tracker)
        T_tracker_pelvis = seen.T_tracker_pelvis(self._reference)
        if T_tracker_pelvis is not None:
            yield Frame("tracker", "pelvis", T_tracker_pelvis)
