"""Mean poses of tracked tools over the time an image was taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, mean_transform


@dataclass(frozen=True, slots=True)
class AverageConfig:
    """How tool poses are averaged around an acquisition."""

    window: float = option(0.5, "half width around the stamp", unit="s", lower=0.01, upper=5.0)
    min_frames: int = option(10, "valid frames a tool needs in the window", lower=1, upper=1000)
    max_spread: float = option(
        1.0e-3,
        "largest distance of a frame from the mean: the tool must stand still",
        unit="m",
        lower=0.0,
        upper=0.01,
    )
    history: float = option(300.0, "how long frames are remembered", unit="s", lower=1.0, upper=3600.0)


class ToolHistory:
    """Remembers valid tool poses by stamp and averages them."""

    def __init__(self, config: AverageConfig | None = None) -> None:
        self.config = config or AverageConfig()
        self._frames: deque[tuple[float, Mapping[str, RigidTransform]]] = deque()

    def add(self, stamp: float, T_tracker_tool: Mapping[str, RigidTransform]) -> None:
        """Remember a frame's valid tools; `stamp` in s, poses in m. A clock set back starts anew."""
        if self._frames and stamp < self._frames[-1][0]:
            self._frames.clear()
        self._frames.append((stamp, T_tracker_tool))
        while self._frames[0][0] < stamp - self.config.history:
            self._frames.popleft()

    def mean(self, stamp: float, tools: Sequence[str]) -> dict[str, RigidTransform]:
        """Mean pose (m) of every tool around `stamp`.

        Raises:
            InfeasibleError: a tool was seen too rarely or moved; every such tool is named.
        """
        near = [poses for t, poses in self._frames if abs(t - stamp) <= self.config.window]
        seen = {tool: [poses[tool] for poses in near if tool in poses] for tool in tools}
        problems = [p for tool in tools for p in self._problems(tool, seen[tool])]
        if problems:
            raise InfeasibleError(tuple(problems))
        return {tool: mean_transform(poses) for tool, poses in seen.items()}

    def _problems(self, tool: str, poses: Sequence[RigidTransform]) -> list[str]:
        if len(poses) < self.config.min_frames:
            return [f"{tool} was tracked in {len(poses)} frames, {self.config.min_frames} needed"]
        places = np.array([pose.translation for pose in poses])
        spread = float(np.linalg.norm(places - places.mean(axis=0), axis=1).max())
        if spread > self.config.max_spread:
            return [f"{tool} moved {spread * 1e3:.1f} mm while it was measured"]
        return []
