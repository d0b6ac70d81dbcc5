"""The plant's own engine: MuJoCo in this process."""

from rafr.simulation.embedded.plant import EmbeddedPlant

__all__ = ["EmbeddedPlant"]
