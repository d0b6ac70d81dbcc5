"""Where a person decides: name, reason, approve or reject exactly the plan that this browser shows."""

from __future__ import annotations

import time
from typing import Any

from rafr.planning.plan import ReductionPlan
from rafr.review.attempts import attempted
from rafr.review.known import Decision, Known

_LOOK = 2.0  # s after a plan took another's place, in which a click was meant for the one before


class DecisionTab:
    """Of one browser: what one person types is never another's."""

    def __init__(self, gui: Any, known: Known) -> None:
        self._known = known
        self._about = gui.add_markdown("")
        self.name = gui.add_text("your name", "")
        self.reason = gui.add_text("reason", "", multiline=True, hint="needed to reject")
        self.approve = gui.add_button("Approve exactly this plan", color="blue", disabled=True)
        self.reject = gui.add_button("Reject", color="orange", disabled=True)
        self.answer = gui.add_markdown("")
        self.approve.on_click(attempted(lambda _: self.decide(approve=True)))
        self.reject.on_click(attempted(lambda _: self.decide(approve=False)))
        self._plan: ReductionPlan | None = None
        self._since = float("-inf")

    def refresh(self) -> None:
        """The plan, or whether it waits for a decision, has changed."""
        known = self._known
        if known.plan is not self._plan:
            self._since = float("-inf") if self._plan is None else time.monotonic()
            self._plan, self.answer.content = known.plan, ""
        self.approve.disabled = self.reject.disabled = not known.decidable
        if known.on_decision is None:
            self._about.content = "For looking only: nothing is decided here."
        elif self._plan is None:
            self._about.content = "There is no plan to decide upon yet."
        else:
            verdict = "accepted" if self._plan.assessment.accepted else "**NOT accepted**"
            state = "waits for a decision" if known.decidable else "does not wait for a decision"
            self._about.content = (
                f"Plan `{self._plan.hash[:12]}`, {verdict} by the planner, {state}. Your decision names this "
                "plan alone: once target or path change it no longer counts."
            )

    def decide(self, *, approve: bool) -> None:
        """What the buttons do: hand on the decision about exactly the plan that is shown here."""
        known = self._known
        with known.lock:
            name, reason = self.name.value.strip(), self.reason.value.strip()
            if self._plan is None or known.on_decision is None or not known.decidable:
                return
            if not name:
                self.answer.content = "**Please enter your name first.**"
                return
            if not approve and not reason:
                self.answer.content = "**Please say why you reject it.**"
                return
            if known.plan is not self._plan or time.monotonic() - self._since < _LOOK:
                self.answer.content = "**The plan has just changed: look at it first.**"
                return
            decision = Decision(self._plan.hash, name, approve, reason)
            self.answer.content = "Handed on …"
        known.on_decision(decision)
