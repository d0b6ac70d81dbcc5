"""The room in Gazebo while gz_ros2_control moves the arm and ros_gz_bridge brings `/clock`.

Everything but the arm is served here as by `gazebo_bridge`, in Gazebo's own time. Time still goes in ticks:
the next one begins when `/clock` has arrived and the arm controller has answered this one's joint state, so
that physics never runs ahead of the nodes. The robot's description for the controller manager comes from
here as well.
"""

from __future__ import annotations

import sys
import time

from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from rafr.nodes.convert import seconds
from rafr.nodes.or_outputs import DeviceOutputs
from rafr.nodes.or_simulator import OrSimulator, run_simulator
from rafr.nodes.runtime import LATCHED
from rafr.simulation.arm_line import TICK
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.gazebo.plant import GazeboPlant
from rafr.simulation.gazebo.ros2_control import controlled_urdf


class GazeboDevices(OrSimulator):
    outputs = DeviceOutputs
    _plant: GazeboPlant

    def carry(self, arrangement: Arrangement) -> GazeboPlant:
        self._description = self.create_publisher(String, "robot_description", LATCHED)
        self._description.publish(String(data=controlled_urdf(arrangement)))
        return GazeboPlant(arrangement, ros2_control=True)

    def _open(self) -> None:
        """Ready only when the arm moves: at its first command."""

    @property
    def _now(self) -> float:
        return self._plant.time

    def _may_go_on(self) -> bool:
        """The controllers, in the next tick's first step, must know its time and have their command."""
        if 1e-9 * self.get_clock().now().nanoseconds <= self._now:
            return False
        return not self._streaming or self._arm_line.answered > self._now - TICK

    def _take_command(self, message: JointTrajectory) -> None:
        """The command is the controller's; that it came, and when, is what matters here."""
        self._arm_line.passed_by(seconds(message.header.stamp), self._now)
        if self._command_wall < 0.0:
            self.set_ready()
        self._command_wall = time.monotonic()


def main() -> None:
    sys.exit(run_simulator(GazeboDevices))


if __name__ == "__main__":
    main()
