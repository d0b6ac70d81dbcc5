"""Graded judgements are values, not exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a result may be used, and why not.

    Attributes:
        accepted: True when the result may be used.
        reasons: one sentence per finding; warnings may stand beside an acceptance.
    """

    accepted: bool
    reasons: tuple[str, ...] = ()

    def __and__(self, other: Assessment) -> Assessment:
        return Assessment(self.accepted and other.accepted, self.reasons + other.reasons)

    def to_json(self) -> dict[str, Any]:
        return {"accepted": self.accepted, "reasons": list(self.reasons)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Assessment:
        """Raises ValueError where it says neither yes nor no, or the reasons are no list of texts."""
        accepted, reasons = data["accepted"], data["reasons"]
        if not isinstance(accepted, bool):
            raise ValueError(f"accepted is {accepted!r}, neither true nor false")
        if not isinstance(reasons, list) or not all(isinstance(r, str) for r in reasons):
            raise ValueError("the reasons are no list of texts")
        return Assessment(accepted, tuple(reasons))


ACCEPTED = Assessment(True)
