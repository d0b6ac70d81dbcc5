"""A patient whose muscles guard under the pull: what the judge makes of the electrodes, block by block.

python examples/09_risk_from_emg.py
"""

import numpy as np

from rafr.risk.blocks import Block
from rafr.risk.patient import PatientRisk
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.wearables import EMG_CHANNELS, EmgConfig, EmgSensor, unchanged

BLOCK = 0.1  # s


def first_warning(
    event: str, at: float = 15.0, seconds: float = 25.0, seed: int = 0
) -> tuple[float, str, str]:
    """When the judge was 90 % sure of something (s after the event; inf: never), of what, and its reason."""
    rng = np.random.default_rng(seed)
    sensor, judge = EmgSensor(EmgConfig(), rng), PatientRisk()
    happening = KINDS[event](rng) if event else None
    for k in range(round(seconds / BLOCK)):
        t = k * BLOCK
        pull = 3.0 + 40.0 * min(max(t - 10.0, 0.0) / 5.0, 1.0)  # N on the fragment
        muscles = happening.muscles if happening is not None and t >= at else unchanged
        judge.heard_load(pull)
        said = judge.update(Block(t, 1000.0, EMG_CHANNELS, sensor.read(t, BLOCK, pull, muscles)))
        if said.probability >= 0.9:
            return t + BLOCK - at, max(said.causes, key=said.causes.__getitem__), said.reason
    return float("inf"), "", ""


if __name__ == "__main__":
    for event in ("", "muscle-guarding", "nerve-irritation"):
        print(event or "nothing happens", first_warning(event))
