"""The device's names of the tools and ours, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.tracking.drivers.frame import Reading

_NEAR = 0.01  # m
_NEAR_ANGLE = 0.15  # rad
_APART = 4.0  # times as near: tools closer than this to each other cannot be told apart by their place


class ToolNames:
    """Renames tools; an empty table lets every name pass.

    Attributes:
        unknown: names of the device that the table does not know; their readings are left out.
        reversed_: of these, the ones that are *our* names: the table is probably the wrong way round.
    """

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = dict(table)
        self.unknown: set[str] = set()
        self.reversed_: set[str] = set()
        self._seen: set[str] = set()

    @staticmethod
    def parse(text: str) -> ToolNames:
        """From `device name=our name, …`.

        Raises:
            InputError: no such list, or a name that stands for two tools.
        """
        pairs = [entry.partition("=") for entry in text.split(",") if entry.strip()]
        names = [(device.strip(), ours.strip()) for device, _, ours in pairs]
        for device, ours in names:
            if not device or not ours:
                raise InputError("tracker", f"tools is {text!r}", "device name=our name, separated by commas")
        for which in (0, 1):
            column = [pair[which] for pair in names]
            twice = sorted({name for name in column if column.count(name) > 1})
            if twice:
                raise InputError("tracker", f"tools names {twice[0]} twice", "every name once")
        return ToolNames(dict(names))

    @property
    def missing(self) -> set[str]:
        """Our names that the device has never delivered."""
        return set(self._table.values()) - self._seen

    def rename(self, tools: Mapping[str, Reading]) -> dict[str, Reading]:
        """The readings under our names."""
        if not self._table:
            return dict(tools)
        self.unknown |= tools.keys() - self._table.keys()
        self.reversed_ |= (tools.keys() - self._table.keys()) & set(self._table.values())
        renamed = {self._table[name]: reading for name, reading in tools.items() if name in self._table}
        self._seen |= renamed.keys()
        return renamed


class SwapWatch:
    """Two tools that appear at each other's place from one frame to the next have swapped their names.

    They are swapped until they swap back (or the watch is made anew), wherever they move meanwhile.
    """

    def __init__(self) -> None:
        self._last: dict[str, RigidTransform] = {}
        self._swapped: dict[str, str] = {}

    def update(self, poses: Mapping[str, RigidTransform]) -> dict[str, str]:
        """Take the poses (m) seen in one frame; for every tool now swapped, the tool it seems to be."""
        for a, b in combinations(sorted(poses), 2):
            if self._exchanged(poses, a, b):
                if self._swapped.get(a) == b:
                    del self._swapped[a], self._swapped[b]
                else:
                    self._swapped |= {a: b, b: a}
        self._last |= poses
        return dict(self._swapped)

    def _exchanged(self, poses: Mapping[str, RigidTransform], a: str, b: str) -> bool:
        if a not in self._last or b not in self._last:
            return False
        apart = np.linalg.norm(self._last[a].translation - self._last[b].translation)
        if apart < _APART * _NEAR or not _near(poses[a], self._last[b]):
            return False
        return _near(poses[b], self._last[a])


def _near(a: RigidTransform, b: RigidTransform) -> bool:
    if np.linalg.norm(a.translation - b.translation) > _NEAR:
        return False
    return (a.inverse() @ b).angle < _NEAR_ANGLE
