"""The graph with an arm behind ros2_control instead of a simulator; docs/commissioning.md goes through it.

ros2 launch rafr hardware.launch.py case:=FOLDER [arm:=ur16e|ur10e|lbr_med14|fr3]
    [mode:=mock|emulated|hardware] [robot_ip:=ADDRESS]
    [tracker:=openigtlink tracker_parameters:="igtl_host=10.0.0.2"] …
    (--show-args lists them all)
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from rafr.cli.sim_case import run_folder
from rafr.nodes.domain import stay_on_this_machine
from rafr.nodes.graph import build_companions, build_graph
from rafr.nodes.hardware_launching import HARDWARE_ARGUMENTS, hardware_options, new_folder
from rafr.nodes.launching import companion_arguments, node_arguments


def start(context):
    stay_on_this_machine()
    values = {name: LaunchConfiguration(name).perform(context) for name in HARDWARE_ARGUMENTS}
    options = hardware_options(values, run_folder(values["out"] or None))
    new_folder(Path(options.out))
    companions = [Node(**companion_arguments(companion)) for companion in build_companions(options)]
    return [*companions, *(Node(**node_arguments(spec)) for spec in build_graph(options))]


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in HARDWARE_ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
