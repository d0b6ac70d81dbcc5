"""A plan reviewed without an operation: decisions go into files, changed targets are planned here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.cases.case import Case
from rafr.errors import InputError, RafrError
from rafr.files import written_whole
from rafr.foreign import read_json
from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress
from rafr.review.desk import Desk
from rafr.review.known import Decision
from rafr.review.page import ReviewPage

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

PLAN, DECISION = "plan.json", "decision.json"


class StandaloneReview:
    """One case, one page, one folder for what is decided.

    Args:
        folder: where the plan decided upon and the decision go; made when there is one.
        tell: takes lines for the terminal.
    """

    def __init__(
        self,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        folder: Path,
        tell: Callable[[str], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = "",
    ) -> None:
        self._case, self._folder, self._tell = case, folder, tell
        self._plan: ReductionPlan | None = None
        self._busy = threading.Lock()
        self._desk = Desk(case, meshes, self._adjust)
        surfaces = {name: body.mesh for name, body in meshes.items()}
        title = f"rafr review · {case.id}"
        self.page = ReviewPage(title, surfaces, self._decide, port, desk=self._desk, host=host, token=token)

    def show(self, plan: ReductionPlan) -> None:
        """Show a plan, and what was decided about it earlier."""
        self._plan = plan
        self.page.show_plan(plan)
        earlier = self._earlier()
        if earlier is None:
            self.page.say("The plan waits for your decision.")
        elif earlier.get("plan_hash") != plan.hash:
            self.page.say(
                f"Another plan was {_done(earlier)} by {earlier.get('approver')}: this one is not approved."
            )
        else:
            self.page.close_decision(
                f"{_done(earlier).capitalize()} by {earlier.get('approver')} on {earlier.get('time')}."
            )

    def take_registration(self, cbct: Path, T_cbct_ct: Mapping[str, RigidTransform]) -> None:
        """Where a registration found every body in the CBCT, mm."""
        self._desk.take_registration(cbct, T_cbct_ct)

    def make_plan(self, plan: Callable[[Progress], ReductionPlan]) -> RafrError | None:
        """Plan in this thread, telling the page how far it is and, as the caller, why it failed."""
        with self._busy:
            try:
                made = plan(lambda share, text="": self.page.say(f"Planning: {100 * share:.0f} % {text}"))
            except RafrError as error:
                self.page.say(f"**Not planned: {error}**")
                self._tell(f"not planned: {error}")
                return error
        self.show(made)
        return None

    def _adjust(self, targets: Mapping[str, RigidTransform], who: str) -> None:
        if self._busy.locked():
            self.page.say("**Another plan is being made: wait for it.**")
            return
        self._tell(f"{who} moved the target of {', '.join(targets)}")

        def work() -> None:
            self.make_plan(lambda progress: self._desk.recheck().plan(targets, progress))

        threading.Thread(target=work, daemon=True).start()

    def _decide(self, decision: Decision) -> None:
        plan = self._plan
        if plan is None or plan.hash != decision.plan_hash:
            self.page.say("**Not accepted: another plan is loaded by now.**")
            return
        if decision.approve and not plan.assessment.accepted and not decision.reason:
            self.page.say("**The planner does not accept this plan: say why you approve it.**")
            return
        record = {
            "case": self._case.id,
            "plan_hash": decision.plan_hash,
            "approve": decision.approve,
            "approver": decision.approver,
            "reason": decision.reason,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self._write(plan, record)
        except OSError as error:
            self.page.say(f"**Not kept: {self._folder} cannot be written ({error.strerror}).**")
            return
        text = f"{_done(record).capitalize()} by {decision.approver}"
        self.page.close_decision(f"{text}; kept in {self._folder / DECISION}.")
        self._tell(f"plan {plan.hash[:12]}: {text.lower()}; {self._folder / DECISION}")

    def _write(self, plan: ReductionPlan, record: Mapping[str, object]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((PLAN, plan.to_json()), (DECISION, record)):
            with written_whole(self._folder / name) as temporary:
                temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _earlier(self) -> dict[str, object] | None:
        """What was decided in this folder before; an unreadable decision counts as none."""
        try:
            data = read_json(self._folder / DECISION, "a decision")
        except InputError:
            return None
        return data if isinstance(data, dict) else None


def _done(record: Mapping[str, object]) -> str:
    return "approved" if record.get("approve") is True else "rejected"
