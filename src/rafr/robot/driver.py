"""What stands between the graph and a real arm: its driver's packages and programs, its wrist sensor."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.robot.description import ARMS
from rafr.robot.wrist import WristConfig
from rafr.strict import dataclass_from, read_yaml

_INDEX = "share/ament_index/resource_index/packages"


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the driver that runs beside the controller manager."""

    package: str
    executable: str
    name: str


@dataclass(frozen=True, slots=True)
class ArmDriver:
    """`driver` in config/<arm>.yaml.

    Attributes:
        packages: ROS packages it needs.   install: how to get them.
        controllers: active ones beside those every arm has.
    """

    packages: tuple[str, ...]
    install: str
    controllers: tuple[str, ...]
    programs: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class WristSource:
    """`wrist` in config/<arm>.yaml: where the raw wrench comes from."""

    topic: str
    config: WristConfig


def driver_of(arm: str) -> ArmDriver:
    """Raises InputError for an unknown arm or a table that does not fit."""
    path = _table(arm)
    return dataclass_from(ArmDriver, read_yaml(path).get("driver"), path, "driver")


def wrist_of(arm: str) -> WristSource:
    """Raises InputError for an unknown arm or a table that does not fit."""
    path = _table(arm)
    return dataclass_from(WristSource, read_yaml(path).get("wrist"), path, "wrist")


def require_packages(packages: tuple[str, ...], how: str, option: str) -> None:
    """Raise InputError, saying how to get them, where ROS packages are missing."""
    missing = [name for name in packages if share_of(name) is None]
    if missing:
        raise InputError(option, f"there is no ROS package {', '.join(missing)}", how)


def share_of(package: str) -> Path | None:
    """Its share folder; None where it is not installed."""
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        if (Path(prefix) / _INDEX / package).is_file():
            return Path(prefix) / "share" / package
    return None


def resolved(text: str) -> str:
    """The text with every `package://<package>` of an installed package as its share folder."""

    def folder(match: re.Match[str]) -> str:
        share = share_of(match[1])
        return match[0] if share is None else str(share)

    return re.sub(r"package://([a-z0-9_]+)", folder, text)


def _table(arm: str) -> Path:
    if arm not in ARMS:
        raise InputError("arm", f"{arm!r} is unknown", f"one of {', '.join(ARMS)}")
    return resource_path(f"config/{arm}.yaml")
