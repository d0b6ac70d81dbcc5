"""The robot's URDF, made from the xacro files; the one description of everything physical about it."""

from __future__ import annotations

from collections.abc import Sequence
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
    import xacro

    files = ";".join(map(str, controllers))
    mappings = {"arm": arm, "mode": mode, "robot_ip": robot_ip, "controllers": files}
    if posture is not None:
        mappings["posture"] = " ".join(f"{q:.12g}" for q in posture)
    document = xacro.process_file(str(resource_path("urdf/rafr.urdf.xacro")), mappings=mappings)
    text: str = document.toprettyxml(indent="  ")
    return text
