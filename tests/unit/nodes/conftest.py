"""Stands in for launch and launch_ros, which are not among the wheels."""

import sys
import types

import pytest


class Recorded:
    """Stands in for a launch class: keeps what it was made with."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs


@pytest.fixture
def stub_launch(monkeypatch):
    """Modules that look like launch and launch_ros."""

    class Configuration:
        values: dict = {}  # noqa: RUF012

        def __init__(self, name):
            self.name = name

        def perform(self, context):
            return self.values[self.name]

    kinds = {
        "launch": {"LaunchDescription": type("LaunchDescription", (Recorded,), {})},
        "launch.actions": {
            n: type(n, (Recorded,), {})
            for n in ("DeclareLaunchArgument", "EmitEvent", "ExecuteProcess", "OpaqueFunction")
        },
        "launch.events": {"Shutdown": type("Shutdown", (Recorded,), {})},
        "launch.substitutions": {"LaunchConfiguration": Configuration},
        "launch_ros": {},
        "launch_ros.actions": {"Node": type("Node", (Recorded,), {})},
    }
    for name, content in kinds.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return Configuration
