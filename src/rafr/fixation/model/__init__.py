"""The patient's own pelvis for finite elements: bones, materials, joints, ligaments, loads (mm, N, MPa)."""

from rafr.fixation.model.build import build_model, planned_poses
from rafr.fixation.model.model import ModelOptions, PelvisModel

__all__ = ["ModelOptions", "PelvisModel", "build_model", "planned_poses"]
