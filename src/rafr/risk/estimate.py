"""What a judge of muscle and motion signals says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# as in rafr_msgs/Risk
PATIENT_SOURCE, ASSISTANT_EMG_SOURCE, ASSISTANT_IMU_SOURCE = "patient_emg", "assistant_emg", "assistant_imu"

_SAID = 0.3  # probability from which a cause is worth a word


@dataclass(frozen=True, slots=True)
class RiskEstimate:
    """A probability with its reason.

    Attributes:
        probability: 0..1 of the likeliest cause; NaN while nothing can be said.
        reason: why it is what it is, in words that change only when something does.
        causes: probability of everything that is looked for; empty while nothing can be said.
        unwatched: channels that cannot be judged, and why.
    """

    probability: float
    reason: str
    causes: dict[str, float] = field(default_factory=dict)
    unwatched: dict[str, str] = field(default_factory=dict)


def unknown(reason: str, unwatched: dict[str, str] | None = None) -> RiskEstimate:
    """Nothing can be said."""
    return RiskEstimate(math.nan, reason, {}, unwatched or {})


def likeliest(
    causes: dict[str, float], words: dict[str, str], calm: str, unwatched: dict[str, str] | None = None
) -> RiskEstimate:
    """The largest of the causes, in its words; `calm` while none is worth one."""
    name = max(causes, key=lambda key: causes[key])
    value = causes[name]
    return RiskEstimate(value, words[name] if value >= _SAID else calm, causes, unwatched or {})
