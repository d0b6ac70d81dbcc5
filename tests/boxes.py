"""A patient whose bones are boxes, and a plan for it: quick to mesh, good for everything but planning."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rafr.assessment import ACCEPTED
from rafr.geometry import Plane, RigidTransform
from rafr.imaging.volume import Volume, write_volume
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane


def box_case(folder: Path) -> Path:
    """The case folder, made in `folder`."""
    case = folder / "box_case"
    case.mkdir()
    labels = np.zeros((24, 24, 40), dtype=np.uint8)
    labels[6:18, 6:18, 17:23] = 1
    labels[6:18, 6:18, 4:14] = 21
    labels[6:18, 6:18, 26:36] = 11
    grid = {"origin": np.array([-60.0, -36.0, 0.0]), "spacing": np.full(3, 3.0), "direction": np.eye(3)}
    write_volume(case / "labels.nii.gz", Volume(labels, **grid))
    write_volume(case / "ct.nii.gz", Volume(np.where(labels > 0, 700, 40).astype(np.int16), **grid))
    text = "id: box\nct: ct.nii.gz\nlabels: labels.nii.gz\nbodies: {reference: [1, 21], wing: [11]}\n"
    (case / "case.yaml").write_text(text, encoding="utf-8")
    return case


def box_plan() -> ReductionPlan:
    """An accepted plan for `box_case`: 10 mm along x."""
    steps = [RigidTransform.from_translation((-x, 0.0, 0.0)) for x in np.linspace(0.0, 10.0, 6)]
    path = tuple(PathPose(T, 2.0, 30.0, 1.0) for T in steps)
    wing = BodyPlan("wing", (11,), steps[-1], 1.0, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.0)
    return ReductionPlan("box", "by hand", (wing,), plane, ("wing",), ACCEPTED, 0.1)
