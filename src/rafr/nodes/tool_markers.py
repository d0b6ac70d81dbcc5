"""The tracker's tools as markers: axes and name; grey, translucent and where it was last, when not seen."""

from __future__ import annotations

from collections.abc import Iterator

from rafr_msgs.msg import ToolPoses
from visualization_msgs.msg import Marker

from rafr.geometry import RigidTransform
from rafr.nodes.convert import transform_from_pose
from rafr.nodes.markers import axes, colour, text
from rafr.review.path_colours import UNKNOWN
from rafr.tracking.tools import DRILL_TOOL

_AXIS, _LETTER, _ABOVE = 0.06, 0.025, 0.04  # m
_FAINT = 0.4


class ToolMarkers:
    """Remembers where every tool was seen last."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._poses: dict[str, RigidTransform] = {}
        self._seen: dict[str, bool] = {}

    @property
    def unseen(self) -> list[str]:
        """Names of the tools that the tracker does not see now."""
        return sorted(name for name, seen in self._seen.items() if not seen)

    @property
    def seen(self) -> list[str]:
        """Names of those that it sees."""
        return sorted(name for name, seen in self._seen.items() if seen)

    def take(self, message: ToolPoses | None, lately: bool = True) -> None:
        """The tracker's last frame, if any; when that is not of lately, nothing is seen."""
        for tool in message.tools if message is not None else ():
            pose = transform_from_pose(tool.pose) if lately and tool.valid else None
            self._numbers.setdefault(tool.name, len(self._numbers))
            self._seen[tool.name] = pose is not None
            if pose is not None:
                self._poses[tool.name] = pose

    def markers(self, guidance: str = "") -> Iterator[Marker]:
        """In frame `tracker`; a tool that was never seen has no place. `guidance`: of the drill."""
        for name, T in self._poses.items():
            number, seen = self._numbers[name], self._seen[name]
            style = {} if seen else {"rgb": UNKNOWN, "alpha": _FAINT}
            yield axes("tracker", "tools", number, [T], _AXIS, **style)
            words = name if seen else f"{name}: not seen"
            if guidance and seen and name == DRILL_TOOL:
                words = guidance
            above = T.translation - (0.0, _ABOVE, 0.0)  # the tracker's y points down
            label = text("tracker", "tool_names", number, above, words, _LETTER)
            if not seen:
                label.color = colour(UNKNOWN)
            yield label
