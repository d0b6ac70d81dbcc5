"""config/rafr.rviz shows what docs/ros_graph.md says is published."""

import re
from pathlib import Path

import yaml

from rafr.nodes.specs import NAMESPACE

ROOT = Path(__file__).resolve().parents[3]
MANAGER = yaml.safe_load((ROOT / "config" / "rafr.rviz").read_text(encoding="utf-8"))["Visualization Manager"]
TYPES = {"MarkerArray": "visualization_msgs/MarkerArray", "RobotModel": "std_msgs/String"}


def documented():
    """{absolute topic: type} of the table."""
    text = (ROOT / "docs" / "ros_graph.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[\w/<>]+`(?:, )?)+).*? \| (\w+/\w+)", text, re.MULTILINE)
    names = [(name, kind) for cell, kind in rows for name in re.findall(r"`([\w/<>]+)`", cell)]
    return {name if name.startswith("/") else f"{NAMESPACE}/{name}": kind for name, kind in names}


def test_every_topic_of_a_display_is_documented_with_its_type():
    topics = documented()
    shown = []
    for display in MANAGER["Displays"]:
        kind = display["Class"].split("/")[1]
        topic = display.get("Topic") or display.get("Description Topic")
        if topic:
            shown.append(topic["Value"])
            assert topics[topic["Value"]] == TYPES[kind], display["Name"]
        if kind == "InteractiveMarkers":
            name = display["Interactive Markers Namespace"]
            assert topics[f"{name}/update"] == "visualization_msgs/InteractiveMarkerUpdate"
            assert topics[f"{name}/feedback"] == "visualization_msgs/InteractiveMarkerFeedback"
            assert topics[f"{name}/get_interactive_markers"] == "visualization_msgs/GetInteractiveMarkers"
            shown.append(name)
    assert len(shown) == len(set(shown)) == 6


def test_the_picture_stands_on_the_trees_root():
    assert MANAGER["Global Options"]["Fixed Frame"] == "world"
