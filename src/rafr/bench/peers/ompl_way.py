"""OMPL's way of the arm through the room beside ours."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.collision import ArmCollision
from rafr.robot.urdf import JointLimits
from rafr.trajectory.roadmap import RoadmapConfig

_PATIENCE = 10.0  # s


def find_way(
    limits: JointLimits, collision: ArmCollision, start: FloatArray, goal: FloatArray
) -> FloatArray | None:
    """Joint angles (n, dof) from start to goal, or None: RRT-Connect and simplification in our own box of
    joint angles with our own collision check.
    """
    from ompl import base, geometric, util

    util.noOutputHandler()
    dof, reach = len(start), RoadmapConfig().reach
    space, bounds = base.RealVectorStateSpace(dof), base.RealVectorBounds(dof)
    for i in range(dof):
        low, high = min(start[i], goal[i]) - reach, max(start[i], goal[i]) + reach
        bounds.setLow(i, max(low, limits.lower[i]))
        bounds.setHigh(i, min(high, limits.upper[i]))
    space.setBounds(bounds)
    setup = geometric.SimpleSetup(space)
    setup.setStateValidityChecker(lambda state: collision.free([state[i] for i in range(dof)]))
    ends = []
    for q in (start, goal):
        state = space.allocState()
        for i in range(dof):
            state[i] = float(q[i])
        ends.append(state)
    setup.setStartAndGoalStates(*ends)
    setup.setPlanner(geometric.RRTConnect(setup.getSpaceInformation()))
    if str(setup.solve(_PATIENCE)) != "Exact solution":
        return None
    setup.simplifySolution()
    path = setup.getSolutionPath()
    states = (path.getState(k) for k in range(path.getStateCount()))
    return np.array([[state[i] for i in range(dof)] for state in states])
