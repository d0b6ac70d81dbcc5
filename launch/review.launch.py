"""Looks at a running procedure: RViz and the review page, without starting anything else.

ros2 launch rafr review.launch.py case:=FOLDER [page_port:=8080] [rviz:=true]

The view started here is a spare one: it shows what RViz shows while the procedure has no view of its own.
"""

from dataclasses import replace

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from rafr.cases.load import open_case
from rafr.nodes.domain import stay_on_this_machine
from rafr.nodes.graph import build_graph
from rafr.nodes.launching import SIM_ARGUMENTS, flag, graph_options, node_arguments, only
from rafr.resources import resource_path

ARGUMENTS = ("case", "arm", "page_port", "rviz")


def start(context):
    stay_on_this_machine()
    values = {name: default for name, (default, _) in SIM_ARGUMENTS.items()}
    values |= {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    case = open_case(values["case"])
    specs = only(build_graph(graph_options(values, case.folder.resolve(), case.folder)), ("view", "review"))
    specs = [_spare(spec) if spec.name == "view" else spec for spec in specs]
    nodes = [Node(**node_arguments(spec)) for spec in specs]
    if flag(values, "rviz"):
        nodes.append(
            Node(
                package="rviz2", executable="rviz2", arguments=["-d", str(resource_path("config/rafr.rviz"))]
            )
        )
    return nodes


def _spare(spec):
    return replace(spec, name="spare_view", parameters={**spec.parameters, "spare": True})


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(name, default_value=SIM_ARGUMENTS[name][0], description=SIM_ARGUMENTS[name][1])
        for name in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
