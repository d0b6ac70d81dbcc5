"""The whole procedure in a simulator, as `rafr sim` runs it, from the same list of nodes.

ros2 launch rafr sim.launch.py [sim:=embedded|gazebo] [control:=rafr|ros2_control] [case:=FOLDER]
    [headless:=true] [seed:=N] [auto_approve:=true] … (--show-args lists them all)
"""

import sys

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, OpaqueFunction
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from rafr.cli.sim_case import clean_folder, prepare_case, run_folder
from rafr.nodes.domain import stay_on_this_machine
from rafr.nodes.graph import build_companions, build_graph
from rafr.nodes.launching import (
    SIM_ARGUMENTS,
    companion_arguments,
    flag,
    graph_options,
    integer,
    node_arguments,
)
from rafr.resources import resource_path
from rafr.review.gate import page_token
from rafr.simulation.gazebo.ros2_control import share_partition


def start(context):
    stay_on_this_machine()
    page_token()  # one for the nodes and the console
    values = {name: LaunchConfiguration(name).perform(context) for name in SIM_ARGUMENTS}
    out = run_folder(values["out"] or None)
    case = prepare_case(values["case"] or None, values["fracture"] or None, integer(values, "seed"), out)
    clean_folder(out)
    options = graph_options(values, case.folder.resolve(), out)
    if options.control == "ros2_control":
        share_partition()
    nodes = [Node(**node_arguments(spec)) for spec in build_graph(options)]
    nodes += [Node(**companion_arguments(companion)) for companion in build_companions(options)]
    if flag(values, "rviz"):
        nodes.append(
            Node(
                package="rviz2", executable="rviz2", arguments=["-d", str(resource_path("config/rafr.rviz"))]
            )
        )
    return [*nodes, console(values, options)]


def console(values, options):
    """What starts the procedure, follows it and writes the report; the launch ends with it."""
    command = [sys.executable, "-m", "rafr.cli.main", "sim", options.case, "--attach", "--headless"]
    command += ["--sim", options.sim, "--out", options.out, "--seed", str(options.seed), "--arm", options.arm]
    if options.faults:
        command += ["--faults", ",".join(options.faults)]
    if flag(values, "auto_approve"):
        command.append("--auto-approve")
    done = EmitEvent(event=Shutdown(reason="the procedure has ended"))
    return ExecuteProcess(cmd=command, name="console", output="screen", on_exit=[done])


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in SIM_ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
