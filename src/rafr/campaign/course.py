"""How far a patient came, and what each stage of the way cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Course:
    """Filled as a patient is operated on.

    Attributes:
        stage: the one that runs, or at which it ended.
        seconds: of processor time by stage, ended children included.
        remarks: what somebody had to say on the way, though it went on.
    """

    stage: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """What the block does is this stage; of several with the same name the time adds up."""
        self.stage = stage
        began = _processor_time()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + _processor_time() - began


def _processor_time() -> float:
    return sum(os.times()[:4])
