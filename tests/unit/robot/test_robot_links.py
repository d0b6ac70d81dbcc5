"""Link poses agree with the arm model that plans with the same URDF."""

import numpy as np

from rafr.robot.arm import ArmModel
from rafr.robot.links import LinkPoses


def test_the_clamp_is_where_the_arm_model_has_it():
    arm = ArmModel.named()
    links = LinkPoses(arm.urdf)
    q = np.random.default_rng(0).uniform(-2.0, 2.0, arm.dof)
    poses = links.at(dict(zip(arm.joint_names, q.tolist(), strict=True)))
    T = poses["arm_base"].inverse() @ poses["clamp"]
    # the same library and description: rounding only
    assert np.allclose(T.matrix, arm.forward(q).matrix, atol=1e-12)


def test_every_link_but_the_root_is_placed_and_unknown_joints_are_ignored():
    arm = ArmModel.named()
    links = LinkPoses(arm.urdf)
    assert links.root == "base"
    assert {"flange", "clamp", "left_wheel"} <= set(links.names)
    still, odd = links.at({}), links.at({"no_such_joint": 1.0})
    assert all(np.array_equal(still[n].matrix, odd[n].matrix) for n in links.names)
