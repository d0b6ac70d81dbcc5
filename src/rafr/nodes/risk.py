"""Risk seen in the patient's EMG: `emg` in, `risk` out."""

from __future__ import annotations

import math
import sys

import numpy as np
from rafr_msgs.msg import MuscleSignals, Risk

from rafr.nodes.convert import seconds
from rafr.nodes.runtime import OK, RELIABLE, SENSOR, WARN, RafrNode, run_node
from rafr.risk.emg import EmgRisk, EmgRiskConfig

SOURCE = "patient_emg"


class RiskNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("risk")
        self._risk = EmgRisk(self.config(EmgRiskConfig))
        self._publisher = self.create_publisher(Risk, "risk", RELIABLE)
        self.create_subscription(MuscleSignals, "emg", self._block, SENSOR)
        self.set_ready()

    def _block(self, message: MuscleSignals) -> None:
        channels = max(len(message.channels), 1)
        samples = np.array(message.samples, dtype=float)
        if samples.size % channels:
            self.diagnose(WARN, "EMG block does not divide into its channels", samples=samples.size)
            return
        estimate = self._risk.update(
            seconds(message.header.stamp), message.rate, message.channels, samples.reshape(channels, -1)
        )
        self._publisher.publish(
            Risk(
                header=message.header, source=SOURCE, probability=estimate.probability, reason=estimate.reason
            )
        )
        if math.isnan(estimate.probability):
            self.diagnose(WARN, "EMG risk unknown", reason=estimate.reason)
        else:
            self.diagnose(OK, "EMG watched", reason=estimate.reason)


def main() -> None:
    sys.exit(run_node(RiskNode))


if __name__ == "__main__":
    main()
