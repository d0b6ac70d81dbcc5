"""Who may say what: the SROS2 policy follows from the nodes' source, and discovery stays on this machine."""

import os
import xml.etree.ElementTree as ET

import interfaces
import pytest
import sros2_policy

from rafr.errors import InputError
from rafr.nodes.graph import GraphOptions, HardwareOptions, build_graph
from rafr.nodes.runtime import run_node

ROOT = ET.parse(sros2_policy.POLICY).getroot()
ENCLAVES = {e.get("path").removeprefix("/rafr/"): e for e in ROOT.iter("enclave")}


def who_may(attribute, name):
    """Nodes whose profile allows an attribute (publish, reply, …) of a name."""
    return {
        node
        for node, enclave in ENCLAVES.items()
        for group in enclave.iter()
        if group.get(attribute) == "ALLOW"
        for element in group
        if element.text == name
    }


def test_the_policy_is_the_one_that_the_nodes_source_gives():
    assert sros2_policy.POLICY.read_text(encoding="utf-8") == sros2_policy.policy(), (
        "run tools/sros2_policy.py"
    )


def test_every_node_of_the_graph_has_its_enclave():
    case = {"case": "c", "out": "o", "drill": True}
    graphs = [build_graph(GraphOptions(**case, sim=sim)) for sim in ("embedded", "gazebo")]
    graphs += [
        build_graph(GraphOptions(**case, hardware=HardwareOptions(mode=mode)))
        for mode in ("mock", "emulated", "hardware")
    ]
    named = {spec.enclave[1].removeprefix("/rafr/") for graph in graphs for spec in graph}
    assert named | {"console"} == set(ENCLAVES)


def test_only_the_arm_controller_may_command_the_arm_and_only_the_procedure_may_approve():
    for topic in ("joint_trajectory_controller/joint_trajectory", "forward_position_controller/commands"):
        assert who_may("publish", topic) == {"arm_controller"}
    assert who_may("publish", "approval") == who_may("reply", "approve_plan") == {"procedure"}
    assert who_may("request", "approve_plan") == {"review", "console"}
    assert who_may("call", "move_arm") == {"procedure"}
    assert who_may("publish", "safety/state") == {"safety"}
    assert who_may("publish", "cmd_vel") == {"base_controller"}


def test_only_the_recorder_hears_everything_and_nobody_says_everything():
    assert who_may("subscribe", interfaces.EVERYTHING) == {"recorder"}
    for attribute in ("publish", "reply", "request", "call", "execute"):
        assert who_may(attribute, interfaces.EVERYTHING) == set()


@pytest.mark.parametrize(("given", "heard"), [(None, "LOCALHOST"), ("SUBNET", "SUBNET")])
def test_a_node_stays_on_this_machine_unless_it_is_told_otherwise(monkeypatch, given, heard):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", given or "")
    if given is None:
        monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE")
    seen = []

    def node():
        seen.append(os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE"))
        raise InputError("node", "is only asked where it would look", "nothing")

    assert run_node(node, []) == 2
    assert seen == [heard]
