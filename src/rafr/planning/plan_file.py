"""Plans in files."""

from __future__ import annotations

from pathlib import Path

from rafr.cases.case import Case
from rafr.errors import InputError, RafrError
from rafr.foreign import read_json
from rafr.planning.plan import ReductionPlan


def read_plan(path: Path, case: Case) -> ReductionPlan:
    """A plan from JSON that belongs to the case.

    Raises:
        InputError: no such file, not a plan, the plan of another case, or one that was changed after it was
            written: what moves bone is what its hash says.
    """
    expected = "a plan written by `rafr plan CASE --json FILE`"
    data = read_json(path, expected)
    try:
        plan = ReductionPlan.from_json(data)
    except RafrError as error:
        raise InputError(path, f"not a plan ({error})", expected) from None
    written = data.get("hash")
    if written is not None and written != plan.hash:
        problem = f"its content has hash {plan.hash[:12]}, not {str(written)[:12]} as it says: it was changed"
        raise InputError(path, problem, expected)
    names = {b.name for b in case.moving}
    if plan.case_id != case.id or not set(plan.order) <= names or not plan.order:
        moved = ", ".join(plan.order) or "nothing"
        problem = f"it is the plan of case {plan.case_id!r}, moving {moved}"
        raise InputError(path, problem, f"a plan of case {case.id!r}, moving {', '.join(sorted(names))}")
    empty = [name for name in plan.order if not any(b.name == name and b.path for b in plan.bodies)]
    if empty:
        raise InputError(path, f"it has no path for {', '.join(empty)}", "a path for every body of its order")
    return plan
