"""The robot's URDF, made from the xacro files; the one description of everything physical about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rafr.errors import InputError
from rafr.resources import resource_path

ARMS = ("ur16e", "ur10e", "lbr_med14", "fr3")
MODES = ("mock", "hardware", "gazebo")


def urdf_text(
    arm: str = "ur16e",
    mode: str = "mock",
    *,
    robot_ip: str = "0.0.0.0",
    controllers: Sequence[Path | str] = (),
    posture: Sequence[float] | None = None,
) -> str:
    """The URDF of base, arm and end effector; its root link is `base`.

    Args:
        arm: one of `ARMS`.
        mode: which ros2_control hardware the description names, one of `MODES`.
        robot_ip: address of the arm's controller (mode hardware).
        controllers: YAML files of the controller manager (mode gazebo).
        posture: where the arm begins, rad (modes mock and gazebo); None = parked.

    Raises:
        InputError: unknown arm or mode.
    """
    if arm not in ARMS:
        raise InputError("arm", f"{arm!r} is unknown", f"one of {', '.join(ARMS)}")
    if mode not in MODES:
        raise InputError("mode", f"{mode!r} is unknown", f"one of {', '.join(MODES)}")
    files = ";".join(map(str, controllers))
    mappings = {"arm": arm, "mode": mode, "robot_ip": robot_ip, "controllers": files}
    if posture is not None:
        mappings["posture"] = " ".join(f"{q:.12g}" for q in posture)
    return _expanded(resource_path("urdf/rafr.urdf.xacro"), tuple(mappings.items()))


@lru_cache(maxsize=32)
def _expanded(file: Path, mappings: tuple[tuple[str, str], ...]) -> str:
    """What xacro makes of the file: asked for several times by whoever sets up a robot, and slow to make."""
    import xacro

    text: str = xacro.process_file(str(file), mappings=dict(mappings)).toprettyxml(indent="  ")
    return text
