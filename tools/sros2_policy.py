"""Write config/sros2_policy.xml: for every node an enclave that may do exactly what its source does.

    .venv/bin/python tools/sros2_policy.py             write it
    .venv/bin/python tools/sros2_policy.py --list      the nodes that need an enclave

What a node makes comes from `interfaces`; beside it stands what rclpy makes in every node. The one node that
may hear everything is the recorder; nobody may say everything.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import interfaces
from interfaces import CALLS, CALLS_ACTION, PUBLISHES, SERVES, SERVES_ACTION, SUBSCRIBES, Entity

ROOT = Path(__file__).resolve().parent.parent
POLICY = ROOT / "config" / "sros2_policy.xml"
NAMESPACE = "/rafr"
# executables that run under another node's name
RUNS_AS = {"gazebo_bridge": "or_simulator", "gazebo_devices": "or_simulator"}
# of rclpy itself, in every node
EVERY_NODE = (
    *(Entity(PUBLISHES, topic, "") for topic in ("/rosout", "/parameter_events")),
    *(Entity(SUBSCRIBES, topic, "") for topic in ("/clock", "/parameter_events")),
    *(
        Entity(SERVES, f"~/{service}", "")
        for service in (
            *("describe_parameters", "get_parameter_types", "get_parameters", "list_parameters"),
            *("set_parameters", "set_parameters_atomically", "get_type_description"),
        )
    ),
)
# role -> (group, attribute, element)
_GROUPS = {
    PUBLISHES: ("topics", "publish", "topic"),
    SUBSCRIBES: ("topics", "subscribe", "topic"),
    SERVES: ("services", "reply", "service"),
    CALLS: ("services", "request", "service"),
    SERVES_ACTION: ("actions", "execute", "action"),
    CALLS_ACTION: ("actions", "call", "action"),
}
_HEAD = (
    "<!-- Written by tools/sros2_policy.py from src/rafr/nodes; docs/security.md says how to use it. -->\n"
)


def allowed() -> dict[str, tuple[Entity, ...]]:
    """What each node may do, by node name; an executable under another's name adds to that."""
    found: dict[str, set[Entity]] = {}
    for executable in interfaces.executables():
        found.setdefault(RUNS_AS.get(executable, executable), set()).update(interfaces.entities(executable))
    return {name: tuple(sorted({*made, *EVERY_NODE})) for name, made in sorted(found.items())}


def policy() -> str:
    """The policy's text, as `ros2 security create_permission` reads it."""
    root = ET.Element("policy", {"version": "0.2.0"})
    enclaves = ET.SubElement(root, "enclaves")
    for name, made in allowed().items():
        enclave = ET.SubElement(enclaves, "enclave", {"path": f"{NAMESPACE}/{name}"})
        profiles = ET.SubElement(enclave, "profiles")
        profile = ET.SubElement(profiles, "profile", {"ns": NAMESPACE, "node": name})
        for role, (group, attribute, element) in _GROUPS.items():
            names = sorted({e.name for e in made if e.role == role})
            if names:
                parent = ET.SubElement(profile, group, {attribute: "ALLOW"})
                for each in names:
                    ET.SubElement(parent, element).text = each
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _HEAD + ET.tostring(root, encoding="unicode") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name the nodes, write nothing")
    if parser.parse_args().list:
        print(*allowed(), sep="\n")
        return
    POLICY.write_text(policy(), encoding="utf-8")
    print(POLICY.relative_to(ROOT))


if __name__ == "__main__":
    main()
