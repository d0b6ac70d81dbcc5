"""A process of the graph, ours or another package's, as data. Imports no ROS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NAMESPACE = "/rafr"


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One process of the graph.

    Attributes:
        executable: `rafr`'s console script, and the module `rafr.nodes.<executable>`.
        name: node name; unique.
        parameters: overrides of the node's own defaults.
        remappings: (from, to).
        essential: its loss stops every motion (the safety supervisor watches it).
        condition: started only when this option is true ("" = always).
    """

    executable: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    remappings: tuple[tuple[str, str], ...] = ()
    essential: bool = True
    condition: str = ""

    @property
    def enclave(self) -> tuple[str, str]:
        """Where SROS2, if it is enabled, finds this node's keys and permissions (config/sros2_policy.xml)."""
        return "--enclave", f"{NAMESPACE}/{self.name}"

    def arguments(self) -> list[str]:
        """Command-line arguments after the executable (`--ros-args …`)."""
        return [*_ros_arguments(self.name, self.remappings, self.parameters), *self.enclave]


@dataclass(frozen=True, slots=True)
class Companion:
    """A process of another package.

    Attributes:
        package, executable: where ROS finds it.
        arguments: before `--ros-args`.
        name: node name; "" leaves the executable its own, and its namespace.
        parameter_files: YAML files, before `parameters`.   remappings: (from, to).
        lasting: False where it ends by itself when its work is done.
    """

    package: str
    executable: str
    arguments: tuple[str, ...] = ()
    name: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    parameter_files: tuple[str, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    lasting: bool = True

    def command_arguments(self) -> list[str]:
        """Command-line arguments after the executable."""
        if not self.name:
            return list(self.arguments)
        names = _ros_arguments(self.name, self.remappings, self.parameters)
        files = [word for path in self.parameter_files for word in ("--params-file", path)]
        return [*self.arguments, *names, *files]


def _ros_arguments(
    name: str, remappings: tuple[tuple[str, str], ...], parameters: Mapping[str, Any]
) -> list[str]:
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-r", f"__node:={name}"]
    for source, target in remappings:
        arguments += ["-r", f"{source}:={target}"]
    for key, value in parameters.items():
        arguments += ["-p", f"{key}:={_yaml(value)}"]
    return arguments


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
