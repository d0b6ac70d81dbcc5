"""The operating room in Gazebo behind the drivers' topics and services: the same, with another plant.

Starts Gazebo's server on the case's world and ends it. GZ_PARTITION, where set, is kept, so that somebody
else can look on (`gz sim -g`).
"""

from __future__ import annotations

import sys

from rafr.nodes.or_simulator import OrSimulator, run_simulator
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.gazebo.plant import GazeboPlant


class GazeboBridge(OrSimulator):
    def carry(self, arrangement: Arrangement) -> GazeboPlant:
        return GazeboPlant(arrangement)


def main() -> None:
    sys.exit(run_simulator(GazeboBridge))


if __name__ == "__main__":
    main()
