"""Where the simulated soft tissue runs and how hard each line of it pulls: for pictures.

Made from the bones' own tissue, so it is the same whichever engine carries the bodies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import LIGAMENTS
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.model import BEDDING

if TYPE_CHECKING:
    from rafr.simulation.bones import Bones

TRACTION = "traction"


@dataclass(frozen=True, slots=True, eq=False)
class Cords:
    """Straight pieces of lines of pull.

    Attributes:
        segments: (n, 2, 3) m, reference body's CT frame.   tensions: (n,) N.
    """

    segments: FloatArray
    tensions: FloatArray


def cords_of(bones: Bones) -> dict[str, Cords]:
    """Every cord by kind (muscles, ligaments, bedding, traction), where the bones are now."""
    pieces: dict[str, list[FloatArray]] = {}
    tensions: dict[str, list[float]] = {}

    def add(kind: str, line: FloatArray, tension: float) -> None:
        pieces.setdefault(kind, []).append(np.stack([line[:-1], line[1:]], axis=1))
        tensions.setdefault(kind, []).extend([tension] * (len(line) - 1))

    pulled = RigidTransform.identity()  # the reference, unless a fragment holds the leg
    motions = bones.motions()
    for name, fragment in bones.fragments.items():
        pose, tissue = motions[name].pose, fragment.tissue
        for cable, line, tension in zip(
            tissue.names, tissue.polylines(pose), tissue.tensions(pose).tolist(), strict=True
        ):
            add(_kind(cable), line, tension)
        if fragment.traction is not None:
            pulled = pose
    if bones.traction is not None:
        add(TRACTION, bones.traction.line(pulled), bones.traction.tension(pulled))
    return {kind: Cords(np.concatenate(p), np.array(tensions[kind])) for kind, p in pieces.items()}


def _kind(cable: str) -> str:
    if cable == BEDDING:
        return "bedding"
    return "ligaments" if cable in LIGAMENTS else "muscles"
