"""rafr: open-source control stack for robot-assisted fracture reduction."""

__version__ = "0.1.0"
