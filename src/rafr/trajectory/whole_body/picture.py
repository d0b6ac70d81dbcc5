"""A picture of base and arm moving together: from above, and over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.files import written_whole
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.report import draw_way
from rafr.trajectory.whole_body.balance import tipping_room
from rafr.trajectory.whole_body.verify import clamp_positions

if TYPE_CHECKING:
    from rafr.trajectory.mission import Robot
    from rafr.trajectory.whole_body.reach import Reach
    from rafr.trajectory.whole_body.result import WholeBodyTrajectory


def save_together_picture(path: Path, robot: Robot, name: str, reach: Reach) -> None:
    """The clamp's way in the room, and what limits the motion; `reach.together` must exist."""
    from matplotlib.figure import Figure

    motion = reach.together
    if motion is None:
        raise ValueError("base and arm do not move together")
    figure = Figure(figsize=(14, 7), layout="constrained")
    axes: dict[str, Any] = figure.subplot_mosaic([["above", f"{k}"] for k in range(4)])
    above = axes["above"]
    draw_way(above, robot, motion.base)
    _draw_clamp(above, motion, clamp_positions(motion, robot.arm))
    above.legend(loc="upper right")
    after = reach.sequential_duration
    compared = "" if after is None else f" (one after the other {after:.1f} s)"
    above.set_title(f"{name}: base and arm together, {motion.duration:.1f} s{compared}")
    _draw_times([axes[f"{k}"] for k in range(4)], motion, robot)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw_clamp(axis: Any, motion: WholeBodyTrajectory, points: np.ndarray) -> None:
    axis.plot(points[:, 0], points[:, 1], color="tab:red", lw=2, label="clamp")
    seconds = np.arange(0.0, motion.duration, 1.0)
    marks = np.searchsorted(motion.arm.t, seconds)
    axis.plot(points[marks, 0], points[marks, 1], "o", color="tab:red", ms=4, label="clamp, every second")
    for k in marks:
        axis.plot([motion.base.x[k], points[k, 0]], [motion.base.y[k], points[k, 1]], color="0.6", lw=0.6)


def _draw_times(axes: Any, motion: WholeBodyTrajectory, robot: Robot) -> None:
    t, arm, drive = motion.arm.t, robot.arm, robot.drive
    axes[0].plot(t, motion.base.wheel / drive.limits.wheel_rate, lw=1.2)
    axes[0].set_ylabel("wheel rate / limit")
    lines = axes[1].plot(t, motion.arm.qd / arm.limits.velocity, lw=1.2)
    axes[1].legend(lines, [n.removesuffix("_joint") for n in arm.joint_names], fontsize=7, ncols=3)
    axes[1].set_ylabel("joint rate / limit")
    seen = np.array([arm.forward_arrays(q)[1] for q in motion.arm.q])
    for points, label in ((clamp_positions(motion, arm), "in the room"), (seen, "as the base sees it")):
        axes[2].plot(t[1:], np.linalg.norm(np.diff(points, axis=0), axis=1) / np.diff(t), label=label)
    axes[2].axhline(ArmPathConfig().free.linear, color="0.4", ls="--", lw=0.8)
    axes[2].set_ylabel("clamp speed (m/s)")
    axes[2].legend(fontsize=7)
    axes[3].plot(t, 1e3 * tipping_room(motion, arm, drive))
    axes[3].set_ylim(bottom=0.0)
    axes[3].set_ylabel("zero-moment point\ninside wheels by (mm)")
    axes[3].set_xlabel("time (s)")
    for axis in axes:
        axis.set_xlim(t[0], t[-1])
        axis.grid(alpha=0.3)
