"""A target method of one's own (fragment onto the mirrored other hip, by ICP), judged by rafr.

python examples/06_own_target_method.py CASE
"""

import sys
from pathlib import Path

import numpy as np
from open3d.geometry import PointCloud
from open3d.pipelines.registration import TransformationEstimationPointToPlane, registration_icp
from open3d.utility import Vector3dVector

from rafr.cases.load import open_case
from rafr.cases.meshes import body_meshes
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.target.given import with_given
from rafr.planning.target.targets import TargetResult, plan_targets


def cloud(mesh: TriangleMesh) -> PointCloud:
    points = PointCloud(Vector3dVector(np.array(mesh.vertices)))
    points.normals = Vector3dVector(np.array(mesh.vertex_normals))
    return points


def own_targets(folder: Path, moving: str = "left_iliac_wing", other_hip: int = 21) -> TargetResult:
    """rafr's targets, one replaced: checked against bone and evidence, ready for `plan_reduction`."""
    case = open_case(folder)
    meshes = body_meshes(case)
    found = plan_targets(case, meshes)
    mirrored = found.symmetry_plane.plane.reflect_mesh(meshes[case.reference.name].parts[other_hip])
    method = TransformationEstimationPointToPlane()
    icp = registration_icp(cloud(meshes[moving].mesh), cloud(mirrored), 30.0, estimation_method=method)
    return with_given(found, case, meshes, {moving: RigidTransform.from_matrix(icp.transformation)})


if __name__ == "__main__":
    targets = own_targets(Path(sys.argv[1]))
    print(targets.method, targets.assessment.accepted, *targets.assessment.reasons, sep="\n")
