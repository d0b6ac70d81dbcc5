"""Names that the world, the system in it and the plant outside agree on."""

from __future__ import annotations

MODEL = "rafr"
BONE_LINK = "bone"
BONE_JOINTS = ("x", "y", "z", "rx", "ry", "rz")  # from the world to the bone, each about an axis of the world
REQUESTS = "/rafr/plant/request"
REPLIES = "/rafr/plant/reply"
WRIST = "/rafr/wrist"
CLOCK = "/rafr/clock"
CMD_VEL = "/rafr/cmd_vel"
ODOMETRY = "/rafr/odometry"
SENSOR_JOINT = "ft_sensor_mount"
LINKS = ("base", "arm_base", "clamp")
TICK_MS = 10
