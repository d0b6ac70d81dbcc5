"""Write docs/reference/ from the code: commands, nodes with their topics and parameters, messages.

.venv/bin/python tools/reference.py            write them
.venv/bin/python tools/reference.py --check    exit code 1 where one is out of date
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import interfaces

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
MESSAGES = ROOT / "ros2_ws" / "src" / "rafr_msgs"
_NOTE = "Written by `tools/reference.py` from {}; do not edit.\n"
_EXIT = (
    "Exit codes: 0 done and acceptable; 1 ran, the result is not acceptable (the JSON says why); 2 bad "
    "input, one line on\nstandard error; 130 interrupted. `--help` of a command says the same as this page.\n"
)
_ABOUT_NODES = (
    "[ROS graph](../ros_graph.md) says what is in a topic: frame, unit, rate.",
    "Names are relative to the namespace `/rafr`. Every node also has `use_sim_time`.",
)


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    return {"commands.md": commands_page(), "nodes.md": nodes_page(), "messages.md": messages_page()}


def commands_page() -> str:
    """Commands, sub-commands and options, from argparse."""
    from rafr.cli.main import COMMANDS, parser_for

    lines = ["# Commands", "", _NOTE.format("the command line's own parsers"), _EXIT]
    for name, (_, text) in COMMANDS.items():
        lines += [f"## rafr {name}", "", text[0].upper() + text[1:] + ".", ""]
        command = _sub_parsers(parser_for([name]))[name]
        below = _sub_parsers(command)
        for action, parser in below.items():
            lines += [f"### rafr {name} {action}", "", *_options(parser)]
        lines += [] if below else _options(command)
    return "\n".join(lines)


def _sub_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: argparse.ArgumentParser) -> list[str]:
    formatter = argparse.HelpFormatter(parser.prog)
    lines = ["| argument | what |", "|---|---|"]
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        words = [*action.option_strings] or [str(action.metavar or action.dest)]
        value = "" if action.nargs == 0 or not action.option_strings else f" {_metavar(action)}"
        text = formatter._expand_help(action) if action.help else ""
        text += " (required)" if action.option_strings and action.required else ""
        name = (", ".join(words) + value).replace("|", "\\|")
        lines.append(f"| `{name}` | {_cell(text)} |")
    return [*lines, ""]


def _metavar(action: argparse.Action) -> str:
    choices = "{" + ",".join(map(str, action.choices or ())) + "}"
    given = action.metavar or (choices if action.choices else action.dest.upper())
    return " ".join(given) if isinstance(given, tuple) else given


def nodes_page() -> str:
    """Each node's topics, services, actions and parameters."""
    lines = ["# Nodes", "", _NOTE.format("`src/rafr/nodes`"), *_ABOUT_NODES, ""]
    for name in interfaces.executables():
        module = importlib.import_module(f"rafr.nodes.{name}")
        lines += [f"## {name}", "", *(module.__doc__ or "").split("\n\n")[0].splitlines(), ""]
        lines += ["| | name | type | QoS |", "|---|---|---|---|"]
        lines += [f"| {e.role} | `{e.name}` | {e.type} | {e.qos} |" for e in interfaces.entities(name)]
        rows = [row for config in _configs(module) for row in _parameters(config)]
        if rows:
            lines += ["", "| parameter | default | unit | bounds | what |", "|---|---|---|---|---|", *rows]
        lines.append("")
    return "\n".join(lines)


def _configs(module: Any) -> Iterator[type]:
    """The dataclasses whose fields a node declares as parameters: `self.config(X)`, also in a base class."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.config":
            yield getattr(module, ast.unparse(call.args[0]))
    if hasattr(module, "OrSimulator") and not hasattr(module, "OrSimulatorConfig"):
        yield from _configs(importlib.import_module("rafr.nodes.or_simulator"))


def _parameters(config: type) -> Iterator[str]:
    documented = {**_attributes(config.__doc__ or "")}
    for field in dataclasses.fields(config):
        default, meta = getattr(config(), field.name), field.metadata
        low, high = meta.get("lower"), meta.get("upper")
        bounds = "" if low is None and high is None else f"{_bound(low)} to {_bound(high)}"
        doc = meta.get("doc") or documented.get(field.name, "")
        shown = list(default) if isinstance(default, tuple) else default
        cells = (f"`{field.name}`", f"`{shown!r}`", meta.get("unit", ""), bounds, doc)
        yield f"| {' | '.join(_cell(str(c)) for c in cells)} |"


def _bound(value: Any) -> str:
    return "…" if value is None else f"{value:g}"


def _attributes(doc: str) -> dict[str, str]:
    """`name: meaning` below Attributes in a docstring."""
    _, _, listed = doc.partition("Attributes:")
    return {
        n: " ".join(t.split()) for n, t in re.findall(r"^ {8}(\w+): ((?:.|\n {12})*)", listed, re.MULTILINE)
    }


def messages_page() -> str:
    """Messages, services and actions of rafr_msgs as they are defined, with units and frames."""
    lines = ["# Messages", "", _NOTE.format("`ros2_ws/src/rafr_msgs`"), "SI units; what differs says so.", ""]
    for kind in ("msg", "srv", "action"):
        for path in sorted((MESSAGES / kind).glob(f"*.{kind}")):
            lines += [f"## {path.stem}", "", "```text", path.read_text(encoding="utf-8").rstrip(), "```", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that ends no cell of a table and begins no HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    old = [name for name, text in pages().items() if not _same(FOLDER / name, text)]
    if not check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in old:
            (FOLDER / name).write_text(pages()[name], encoding="utf-8")
    print(f"out of date: {', '.join(old) or 'nothing'}")
    return int(check and bool(old))


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
