"""What the docs say of nodes, topics and commands is what the code has."""

import re

import interfaces
import pytest

import reference

GRAPH = (interfaces.NODES.parents[2] / "docs" / "ros_graph.md").read_text(encoding="utf-8")
# who also takes part, as the page says beside its tables: all topics, the simulator's stand-ins, the lab's
UNTOLD = {"recorder", "gazebo_bridge", "gazebo_devices", "bench", "arm_endpoint", "wrist"}
ENTITIES = {name: interfaces.entities(name) for name in interfaces.executables()}


def who(role, topic):
    """Nodes that have a topic, service or action in this role."""
    return {
        n for n, made in ENTITIES.items() if any((e.role, e.name) == (role, topic) for e in made)
    } - UNTOLD


def rows():
    """Cells of the tables in docs/ros_graph.md, one row for each name in the first."""
    for line in GRAPH.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")] if line.startswith("| `") else []
        names = re.findall(r"`([^`]+)`", cells[0].split("(")[0]) if cells else []
        yield from ((name.replace("<tool>", "*"), cells) for name in names)


TOPICS = [(name, cells) for name, cells in rows() if len(cells) == 4]
SERVERS = [(name, cells) for name, cells in rows() if len(cells) == 3]


def test_the_reference_pages_are_those_that_the_code_gives():
    old = [n for n, text in reference.pages().items() if not reference._same(reference.FOLDER / n, text)]
    assert old == [], "run tools/reference.py"


def test_every_parameter_says_what_it_is():
    page = reference.nodes_page()
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*?) \|$", page, re.MULTILINE)
    assert len(rows) > 150
    assert [name for name, what in rows if not what] == []


def named_nodes(text):
    return {n for n in ENTITIES if re.search(rf"(?<![\w/]){n}(?![\w/])", text)} - UNTOLD


@pytest.mark.parametrize(("name", "cells"), TOPICS, ids=[name for name, _ in TOPICS])
def test_a_topic_has_the_type_and_the_ends_that_the_page_tells(name, cells):
    made = {e for all_of in ENTITIES.values() for e in all_of if e.name == name}
    types = {e.type for e in made}
    if types:
        assert types == {re.split(r"[ ,:(]", cells[1])[0]}
    senders, arrow, readers = cells[3].partition("→")
    assert named_nodes(senders) <= who(interfaces.PUBLISHES, name)
    if arrow and "every node" not in readers:
        assert named_nodes(readers) == who(interfaces.SUBSCRIBES, name)


def test_no_topic_service_or_action_is_left_out_of_the_page():
    told = {name for name, _ in (*TOPICS, *SERVERS)}
    made = {e.name for all_of in ENTITIES.values() for e in all_of if e.type.split("/")[0] != "control_msgs"}
    bench_only = {"arm_endpoint/use_forward"}  # told below the tables
    assert made - told - bench_only - {interfaces.EVERYTHING} == set()


@pytest.mark.parametrize(("name", "cells"), SERVERS, ids=[name for name, _ in SERVERS])
def test_a_service_or_action_has_the_type_and_the_server_that_the_page_tells(name, cells):
    roles = (interfaces.SERVES, interfaces.SERVES_ACTION)
    made = {e for all_of in ENTITIES.values() for e in all_of if e.name == name and e.role in roles}
    assert {e.type.split("/")[-1] for e in made} == {re.split(r"[ (]", cells[1])[0].split("/")[-1]}
    assert named_nodes(cells[2].split(";")[0]) & {n for r in roles for n in who(r, name)}
