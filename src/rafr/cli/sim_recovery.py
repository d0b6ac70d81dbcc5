"""What a person does after a hold, for demonstrations: start again what died, reset, go on from there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rafr.nodes.console import Console
    from rafr.review.run import RunRecord
    from rafr.supervisor import Supervisor

_PATIENT = "or_simulator"  # what stands for the patient: with it everything is gone
_PROCEDURE = "procedure"


@dataclass(frozen=True, slots=True)
class RecoveryConfig:
    """How long things may take, s of wall time.

    Attributes:
        silence: without a heartbeat after which a node is taken for hung.
        forget: until the others have given up a hung node that was killed (DDS's lease: 20 s). Started again
            before, it never hears some of them (Fast DDS 2.14: they still hold its full queue in shared
            memory, eProsima/Fast-DDS issue 5053).
        start: until what was started again is ready.   reset: until the supervisor allows motion again.
        again: between two requests.
    """

    silence: float = 3.0
    forget: float = 21.0
    start: float = 90.0
    reset: float = 60.0
    again: float = 1.0
    spin: float = 0.05


@dataclass(slots=True)
class Recovery:
    """Brings a held run back to the phase it was held in."""

    record: RunRecord
    supervisor: Supervisor
    console: Console
    config: RecoveryConfig

    def go_on(self) -> str:
        """Returns why it cannot go on, or an empty string once the procedure was asked to."""
        if self.record.plan is not None and self.record.plan.hash != self.record.approved_hash:
            return "another plan is loaded than was approved: that is a person's to decide"
        phase = self.record.phase
        down = self._start_again()
        if _PATIENT in down:
            return f"{_PATIENT} is gone, and the patient with it"
        if not self._wait(self.config.start, self.console.ready):
            return f"not ready again: {', '.join(self.record.missing)}"
        if not self._wait(self.config.reset, self._reset):
            return f"no reset: {'; '.join(self.record.safety_reasons) or 'the arm holds'}"
        self.record.outcome = ""
        self.console.start(auto_approve=True, resume_from=phase)
        return ""

    def _start_again(self) -> list[str]:
        """Names of the nodes that were dead or hung."""
        self._wait(self.config.silence, lambda: False)  # the silent must be told from the living
        silent = self.console.silent(self.config.silence - self.config.again)
        down = [name for name in self.record.nodes if name not in self.supervisor.names or name in silent]
        hung = [name for name in down if name in self.supervisor.names]
        for name in hung:
            self.supervisor.kill(name)
        if hung:
            self._wait(self.config.forget, lambda: False)
        for name in down:
            if name == _PROCEDURE:  # before it says that it knows of no phases
                self.record.begin_anew()
            if name != _PATIENT:
                self.record.nodes[name] = False
                self.supervisor.restart(name)
        return down

    def _reset(self) -> bool:
        """Whether nothing is stopped any more; asks for it where it is."""
        if self.record.safety in ("OK", "WARNING") and not self.record.arm_holds:
            return True
        self.console.reset()
        self._wait(self.config.again, lambda: False)
        return False

    def _wait(self, seconds: float, done: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            self.console.spin(self.config.spin)
        return True
