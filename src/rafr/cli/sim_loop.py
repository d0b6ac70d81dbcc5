"""Follows a running procedure to its end: nodes that die, approval by key, the outcome."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rafr.cli.sim_faults import SupervisedFault
from rafr.cli.sim_recovery import Recovery, RecoveryConfig
from rafr.review.keys import Keys, no_keys
from rafr.review.run import RunRecord
from rafr.review.screen import Screen
from rafr.supervisor import Supervisor

if TYPE_CHECKING:
    from rafr.nodes.console import Console

_PAGE = "review"  # the node that serves the page


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How long things may take, wall time.

    Attributes:
        start: s until every node is ready.
        stop: s a lost node's neighbours have to bring everything to a stop.
        settle: s listened on after the outcome, for the last measurement.
        silence: s without a heartbeat after which a node counts as dead that somebody else started.
        spin: s to wait for a message before looking at the processes again.
        recovery: of a run that goes on after a hold.
    """

    start: float = 180.0
    stop: float = 15.0
    settle: float = 1.0
    silence: float = 10.0
    spin: float = 0.05
    recovery: RecoveryConfig = field(default_factory=RecoveryConfig)


@dataclass(slots=True)
class Follower:
    """One run, from starting nodes to the outcome in the record."""

    record: RunRecord
    supervisor: Supervisor
    console: Console
    screen: Screen
    keys: Keys
    essential: frozenset[str]
    auto_approve: bool
    page: str = ""
    faults: Mapping[str, SupervisedFault] = field(default_factory=dict)
    attached: bool = False
    recover: bool = False
    config: LoopConfig = field(default_factory=LoopConfig)
    _lost_at: float | None = None

    def run(self) -> None:
        """Returns when the outcome is known; nodes still run then."""
        begin = time.monotonic()
        try:
            if self._wait_until_ready():
                self.console.start(auto_approve=self.auto_approve)
                self._until_outcome()
                while self.recover and self.record.outcome == "held" and self._go_on():
                    self._until_outcome()
                self._listen(self.config.settle)
        except KeyboardInterrupt:
            self.console.cancel()  # before there is an outcome: nothing is cancelled after it
            self._give_up("interrupted")
            raise
        finally:
            self.record.wall_seconds = time.monotonic() - begin
            self.screen.show(self.record)

    def _until_outcome(self) -> None:
        while not self.record.outcome:
            self._step()

    def _go_on(self) -> bool:
        """Once, or once for every fault: what holds again for no such reason wants a person."""
        if self.record.recovered >= max(1, len(self.record.injected)):
            return False
        recovery = Recovery(self.record, self.supervisor, self.console, self.config.recovery)
        why_not = recovery.go_on()
        if why_not:
            self.record.holds.append(f"not resumed: {why_not}")
            return False
        self.record.recovered += 1
        self._lost_at = None
        return True

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + self.config.start
        while not self.console.ready():
            self._step()
            if self.record.outcome:
                return False
            if time.monotonic() > deadline:
                self._give_up(f"not ready in {self.config.start:.0f} s: {', '.join(self.record.missing)}")
                return False
        return True

    def _step(self) -> None:
        self.console.spin(self.config.spin)
        self._notice_deaths()
        self._inject_faults()
        self._answer_key()
        self._approve_again()
        self._conclude_after_loss()
        self.screen.show(self.record, self._hint())

    def _notice_deaths(self) -> None:
        for death in self.supervisor.deaths():
            self._lose(death.name, str(death))
        if self.attached:  # nobody tells of deaths, silence must do
            for name in self.console.silent(self.config.silence):
                if self.record.nodes[name]:
                    self._lose(name, f"{name} fell silent")

    def _lose(self, name: str, sentence: str) -> None:
        self.record.lost.append(sentence)
        self.record.nodes[name] = False
        if name in self.essential and self._lost_at is None:
            self._lost_at = time.monotonic()

    def _inject_faults(self) -> None:
        for name, fault in self.faults.items():
            if name not in self.record.injected and fault.due(self.record):
                self.record.injected[name] = time.time()
                fault.happen(self.supervisor, self.console)

    def _conclude_after_loss(self) -> None:
        """Without a node the procedure may be unable to answer: what stands still is held."""
        if self._lost_at is None or self.record.outcome:
            return
        if not self.record.phases:
            self._give_up("a node died before the procedure began")
        elif time.monotonic() - self._lost_at > self.config.stop:
            self.record.outcome = "held" if self.record.standing_still else "aborted"

    def _give_up(self, why: str) -> None:
        self.record.outcome, self.record.message = "aborted", why
        self.record.holds.append(why)

    def _listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.console.spin(self.config.spin)

    def _waiting_for_approval(self) -> bool:
        waiting = self.record.status == "WAITING" and self.record.plan is not None
        return waiting and not self.auto_approve and not self.record.approver

    def _approve_again(self) -> None:
        """A procedure that was started again knows of no approval."""
        waiting = self.record.status == "WAITING" and not self.record.approver
        if self.record.recovered and self.auto_approve and waiting:
            self.console.decide(approve=True, approver="automatic (demonstration)", automatic=True)

    def _hint(self) -> str:
        if not self._waiting_for_approval() or self.record.plan is None:
            return f"live view: {self.page}" if self.page and self.record.nodes.get(_PAGE) else ""
        ways = [f"open {self.page}"] if self.page else []
        if self.keys is not no_keys:
            ways.append("press a to approve, r to reject")
        refusal = f" ({self.console.refusal})" if self.console.refusal else ""
        return f"plan {self.record.plan.hash[:12]} waits for approval: {', or '.join(ways)}{refusal}"

    def _answer_key(self) -> None:
        key = self.keys()
        if key in ("a", "r") and self._waiting_for_approval():
            self.console.decide(approve=key == "a", approver=getpass.getuser(), reason="at the terminal")
