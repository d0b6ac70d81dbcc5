"""Rigid motions, planes, meshes and distances: numpy only, no images, no robots."""

from rafr.geometry.distance import SignedDistanceGrid, exact_signed_distance
from rafr.geometry.mesh import TriangleMesh, merge_meshes, read_mesh, write_mesh
from rafr.geometry.paired_points import localisation_error, predicted_tre
from rafr.geometry.plane import Plane
from rafr.geometry.rigid_transform import (
    RigidTransform,
    fit_rigid,
    mean_transform,
    screw_interpolate,
    skew,
)

__all__ = [
    "Plane",
    "RigidTransform",
    "SignedDistanceGrid",
    "TriangleMesh",
    "exact_signed_distance",
    "fit_rigid",
    "localisation_error",
    "mean_transform",
    "merge_meshes",
    "predicted_tre",
    "read_mesh",
    "screw_interpolate",
    "skew",
    "write_mesh",
]
