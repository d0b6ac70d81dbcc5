"""Every command that README and docs tell is one that exists, with options that exist."""

import argparse
import ast
import contextlib
import io
import re
import shlex

import doc_commands
import pytest
from doc_commands import ROOT, Command, commands, commands_of, pages

from rafr.cli.main import COMMANDS, parser_for
from rafr.nodes.hardware_launching import HARDWARE_ARGUMENTS
from rafr.nodes.launching import SIM_ARGUMENTS

LAUNCH_ARGUMENTS = {
    "sim.launch.py": set(SIM_ARGUMENTS),
    "hardware.launch.py": set(HARDWARE_ARGUMENTS),
    "review.launch.py": {"case", "arm", "page_port", "rviz"},
}
INLINE = re.compile(r"`(?:\.venv/bin/)?rafr ([^`]*)`")


def told(beginning):
    return [
        pytest.param(c, id=f"{c.page}:{c.line}") for c in commands() if f"{c.text} ".startswith(beginning)
    ]


def refusal(words):
    """What argparse has against a command line, or nothing."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parser_for(words).parse_args(words)
    except SystemExit as end:
        return said.getvalue() if end.code else ""
    return ""


def actions(parser):
    """Sub-commands of a parser by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


@pytest.mark.parametrize("command", told("rafr "))
def test_a_command_of_rafr_is_accepted_by_its_own_parser(command):
    assert refusal(shlex.split(command.text)[1:]) == ""


@pytest.mark.parametrize("words", ["plan CASE --colour red", "case shine CASE", "sim --seed many", "plans C"])
def test_commands_that_do_not_exist_would_be_found(words):
    assert refusal(words.split()) != ""


def test_commands_in_the_running_text_name_commands_and_options_that_exist():
    wrong, count = [], 0
    for page in pages():
        for text in INLINE.findall(page.read_text(encoding="utf-8")):
            words = re.sub(r"[\[\]()]", " ", text).split()
            parser = actions(parser_for(words[:1])).get(words[0]) if words[0] in COMMANDS else None
            if parser is None:
                wrong.append(f"{page.name}: {text}")
                continue
            below = actions(parser)
            parser = below.get(words[1], parser) if len(words) > 1 else parser
            known = {o for p in (parser, *below.values()) for o in p._option_string_actions}
            options = {w.split("=")[0].rstrip(",") for w in words if re.match(r"--?[a-z]", w)}
            wrong += [f"{page.name}: {text}: {option}" for option in options - known]
            count += 1
    assert wrong == []
    assert count > 50


@pytest.mark.parametrize("command", told("ros2 launch rafr "))
def test_a_launch_file_that_is_told_exists_and_takes_the_arguments_told(command):
    words = shlex.split(command.text)
    assert (ROOT / "launch" / words[3]).is_file()
    given = {w.split(":=")[0] for w in words[4:] if ":=" in w}
    assert given <= LAUNCH_ARGUMENTS[words[3]]


@pytest.mark.parametrize("command", told("python "))
def test_a_script_that_is_told_exists_and_knows_the_options_told(command):
    words = shlex.split(re.sub(r"\$\(.*?\)", "1", command.text))
    script = ROOT / words[1]
    strings = {
        n.value
        for n in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }
    assert {w for w in words[2:] if re.match(r"--?[a-z]", w)} <= strings


@pytest.mark.parametrize("command", told("make "))
def test_a_target_of_make_that_is_told_exists(command):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {w for w in shlex.split(command.text)[1:] if "=" not in w} <= targets


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_python_in_the_docs_is_python_and_what_it_imports_from_rafr_exists(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rafr"):
                module = __import__(node.module, fromlist=["_"])
                assert [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_comments_blocks_marks_and_joined_commands_are_told_apart(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "rafr in text\n\n    cd ros2_ws && rafr plan CASE     why\n\n```python\nrafr = 1\n```\n"
        f"{doc_commands.RUN_MARK}\n```\n.venv/bin/rafr case show case -o out  # facts\nout/a.png\n```\n"
    )
    assert commands_of(page) == [
        Command("page.md", 3, "cd ros2_ws", False),
        Command("page.md", 3, "rafr plan CASE", False),
        Command("page.md", 10, "rafr case show case -o out", True),
    ]
