"""The shapes drawn for the robot: those of its URDF."""

import numpy as np
import pytest

from rafr.robot.description import ARMS, urdf_text
from rafr.robot.links import LinkPoses
from rafr.robot.shapes import robot_shapes
from rafr.robot.urdf import joint_chain

URDF = """<robot name="r">
  <material name="red"><color rgba="1 0 0 1"/></material>
  <link name="a">
    <visual><origin xyz="0 0 1" rpy="0 0 1.5707963267948966"/><geometry><box size="1 2 3"/></geometry>
      <material name="red"/></visual>
    <visual><geometry><mesh filename="x.stl"/></geometry></visual>
    <collision><geometry><sphere radius="9"/></geometry></collision>
  </link>
  <link name="b"><visual><geometry><cylinder radius="0.1" length="0.5"/></geometry></visual></link>
</robot>"""


def test_visible_primitives_keep_their_size_place_and_colour():
    box, cylinder = robot_shapes(URDF)
    assert (box.link, box.kind, box.size, box.colour) == ("a", "box", (1.0, 2.0, 3.0), (1.0, 0.0, 0.0))
    assert box.T_link_shape.apply((1.0, 0.0, 0.0)) == pytest.approx((0.0, 1.0, 1.0))
    assert (cylinder.link, cylinder.kind, cylinder.size) == ("b", "cylinder", (0.1, 0.5))
    assert np.allclose(cylinder.T_link_shape.matrix, np.eye(4))


@pytest.mark.parametrize("arm", ARMS)
def test_every_shape_of_the_robot_is_on_a_link_whose_place_is_known(arm):
    urdf = urdf_text(arm)
    shapes, links = robot_shapes(urdf), LinkPoses(urdf)
    assert {s.link for s in shapes} <= {links.root, *links.names}
    chain = joint_chain(urdf, "arm_base", "clamp")
    assert {"base", *(j.child for j in chain if j.child != "flange")} <= {s.link for s in shapes}
    assert all(min(s.size) > 0 for s in shapes)
