"""Gazebo loads this by name: rafr's tissue, traction, contact and drives inside the physics step."""

from rafr.simulation.gazebo.system import PlantSystem


def get_system() -> PlantSystem:
    return PlantSystem()
