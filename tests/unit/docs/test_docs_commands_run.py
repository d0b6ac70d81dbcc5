"""Every command of the docs is run: by the tutorial's test, by one of its own, or it is listed why not."""

import fnmatch

import pytest
from doc_commands import ROOT, Command, commands

UNIT = "tests/unit"
# beginning of a command, with options it must have -> the test file that runs it
RUN_BY = (
    ("rafr bench", UNIT + "/bench/test_bench_command.py"),
    ("rafr calibrate payload", UNIT + "/robot/test_robot_payload.py"),
    ("rafr calibrate pivot", UNIT + "/tracking/test_tracking_calibrate_command.py"),
    ("rafr campaign", UNIT + "/cli/test_cli_campaign.py"),
    ("rafr case new", UNIT + "/cases/test_cases_command.py"),
    ("rafr case segment", UNIT + "/segmentation/test_segmentation_command.py"),
    ("rafr case show", "tests/examples/test_tutorial.py"),
    ("rafr case simulate", "tests/examples/test_tutorial.py"),
    ("rafr export", UNIT + "/exchange/test_exchange_command.py"),
    ("rafr plan --targets", UNIT + "/exchange/test_exchange_command.py"),
    ("rafr plan --via", UNIT + "/planning/test_planning_command.py"),
    ("rafr plan", "tests/examples/test_tutorial.py"),
    ("rafr register", UNIT + "/registration/test_registration_command.py"),
    ("rafr replay", UNIT + "/review/test_review_replay_browser.py"),
    ("rafr risk", UNIT + "/cli/test_cli_risk.py"),
    ("rafr sim --faults help", UNIT + "/cli/test_cli_sim.py"),
    ("rafr sim", "tests/end_to_end/test_sim.py"),
    ("rafr trajectory", UNIT + "/trajectory/test_trajectory_command.py"),
    ("rafr xray", UNIT + "/xray/test_xray_command.py"),
    ("ros2 launch rafr sim.launch.py", UNIT + "/nodes/test_nodes_launching.py"),
    ("ros2 launch rafr hardware.launch.py", UNIT + "/nodes/test_nodes_hardware_launching.py"),
    ("python tools/reference.py", UNIT + "/docs/test_docs_reference.py"),
    ("python tools/picture_of_rooms.py", UNIT + "/docs/test_docs_rooms.py"),
    ("python tools/sros2_policy.py", UNIT + "/nodes/test_nodes_security.py"),
    ("python examples/10_tracker_driver.py", "tests/examples/test_examples.py"),
)
NOT_RUN = (
    ("rafr sim --sim gazebo", "needs Gazebo; tests/gazebo runs it where that is installed"),
    ("ros2 launch rafr sim.launch.py sim:=gazebo", "needs Gazebo and ros2 launch"),
    ("ros2 launch rafr hardware.launch.py mode:=hardware", "needs an arm"),
    ("ros2 launch rafr hardware.launch.py …", "needs an arm and a tracker"),
    ("python benchmarks/*", "a measurement: minutes to hours, some with Gazebo, an arm or public data"),
    ("rafr review", "waits for a person; tests/unit/review drives the same page in a browser"),
    ("rafr report", "needs a run; tests/unit/review makes the report of one"),
    ("rafr fixation", "minutes of finite elements; tests/unit/fixation solves small models"),
    ("ros2", "a tool of ROS, not among the wheels"),
    ("rosdep", "a tool of ROS, not among the wheels"),
    ("colcon build", "done by make setup on every machine"),
    ("make setup", "runs before every test, on a bare machine in continuous integration"),
    ("make sim", "tests/end_to_end runs rafr sim"),
    ("make test", "runs this"),
    ("make test-fast", "runs this"),
    ("make check", "runs this"),
    ("make docs", "needs seconds of mkdocs; tests/unit/docs checks links and pages without it"),
    ("make audit", "needs PyPI"),
    ("python tools/lock.py", "needs the package index"),
    ("pre-commit", "changes the repository's hooks"),
    ("cd", "the shell's"),
    ("source", "the shell's"),
    ("sudo", "changes the machine"),
)


def begins(command, pattern):
    """Whether a command has the program and the words of a pattern, options wherever they stand."""
    words, wanted = command.text.split(), pattern.split()
    return words[0] == wanted[0] and all(fnmatch.filter(words, word) for word in wanted)


def reason(command):
    """Why a command is not run, or where it is; nothing where nobody says."""
    said = [(p, why) for p, why in (*NOT_RUN, *RUN_BY) if begins(command, p)]
    return max(said, key=lambda s: len(s[0].split()), default=None)


@pytest.mark.parametrize("command", [c for c in commands() if not c.run], ids=lambda c: f"{c.page}:{c.line}")
def test_a_command_that_is_not_marked_to_be_run_is_run_elsewhere_or_says_why_not(command):
    assert reason(command) is not None


@pytest.mark.parametrize(("pattern", "where"), RUN_BY)
def test_the_test_that_runs_a_command_exists_and_names_it(pattern, where):
    text = (ROOT / where).read_text(encoding="utf-8")
    if "test_tutorial" not in where:  # that one runs what is marked
        assert pattern.split()[-1].removesuffix(".py").rpartition("/")[2] in text


def test_nothing_is_listed_that_the_docs_do_not_tell():
    told = commands()
    assert [p for p, _ in (*RUN_BY, *NOT_RUN) if not any(begins(c, p) for c in told)] == []


def test_a_new_command_would_be_found():
    assert reason(Command("page.md", 1, "rafr teleport CASE", False)) is None
    assert reason(Command("page.md", 1, "rafr sim CASE --sim gazebo", False))[1].startswith("needs Gazebo")
