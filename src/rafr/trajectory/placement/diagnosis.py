"""Why no base pose serves: the one requirement without which one would, and by how much it is missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rafr.errors import Cause, InfeasibleError
from rafr.robot.mobile import floor_transform
from rafr.robot.shortfall import shortfall
from rafr.trajectory.placement.candidates import candidates, is_free, shoulder
from rafr.trajectory.placement.examine import Examiner
from rafr.trajectory.placement.request import FloorPose, Request
from rafr.trajectory.placement.service import Refused, Served

# what is given up first: what can be asked less of, before what is as it is
_GIVEN_UP = (Cause.TOO_MUCH_FORCE, Cause.SINGULAR, Cause.COLLISION)
_ON_THE_SPOT = 1e-3  # m


def diagnosed(request: Request, examiner: Examiner, refused: Sequence[Refused]) -> InfeasibleError:
    """The error for a request that none of the base poses serves, from every branch of each.

    The cause is found by dropping requirements, not by counting: a branch that violates only one would serve
    without it. The obstacles are dropped by examining the places that they forbid. Where no single
    requirement is to blame, the cause is the one that can be given up least.
    """
    cause, text = _cause(request, examiner, refused)
    heading = f"no base pose on the {request.side} side serves the whole path: {text}"
    return InfeasibleError((heading, *_counts(refused)), cause)


def _cause(request: Request, examiner: Examiner, refused: Sequence[Refused]) -> tuple[Cause, str]:
    following = [r for r in refused if r.q is not None]
    for cause in _GIVEN_UP:
        alone = [r for r in following if r.causes == {cause}]
        if alone:
            return cause, _told(min(alone, key=lambda r: r.excess))
    blocking = _blocking(request, examiner)
    if blocking:
        names = ", ".join(blocking)
        return Cause.BOXED_IN, f"{names} {'stand' if len(blocking) > 1 else 'stands'} where the base could"
    if not refused:
        return Cause.BOXED_IN, "the base finds no free place there"
    if following:
        nearest = min(following, key=lambda r: (len(r.causes), r.excess))
        return max(nearest.causes, key=_GIVEN_UP.index), _told(nearest)
    return Cause.OUT_OF_REACH, _beyond(request, [r.base for r in refused])


def _told(refused: Refused) -> str:
    return "; ".join(f"{v.text} ({v.detail})" for v in refused.violations)


def _blocking(request: Request, examiner: Examiner) -> list[str]:
    """Names of the obstacles that forbid the first place found that serves without them; the table stays."""
    table, *others = request.room.obstacles
    for base in candidates(request, request.config.fine, [table]):
        names = [o.name for o in others if not is_free(base, [o], request.drive, request.config.clearance)]
        if names and any(isinstance(b, Served) for b in examiner.branches(base)):
            return names
    return []


def _beyond(request: Request, bases: Sequence[FloorPose]) -> str:
    """Which pose of the way is how far beyond reach from the base pose nearest to it, and where it lies."""
    places = np.array([T.translation for T in request.way.poses])
    shoulders = np.array([shoulder(request.arm, base) for base in bases])
    distances = np.linalg.norm(shoulders[:, None] - places[None], axis=-1)
    nearest = int(distances.max(axis=1).argmin())
    k = int(distances[nearest].argmax())
    T_armbase_world = (floor_transform(bases[nearest]) @ request.arm.T_base_armbase).inverse()
    goal = T_armbase_world @ request.way.poses[k]
    gap = shortfall(request.arm, goal, request.room.parked_arm(request.arm.parked))
    name = request.way.names[k]
    if gap < _ON_THE_SPOT:
        return f"no base pose reaches all of the way, though one reaches its farthest, {name}"
    x, y, height = places[k] - shoulders[nearest]
    across = float(np.hypot(x, y))
    where = "too far" if abs(height) < across else "too high" if height > 0 else "too low"
    if not np.isfinite(gap):
        return f"{name} cannot be reached with the clamp turned so; it lies {where}"
    return f"{name} is {gap:.2f} m beyond the arm's reach from the nearest place: it lies {where}"


def _counts(refused: Sequence[Refused]) -> tuple[str, ...]:
    """How many base poses fail for what: of each the branch that violates least."""
    nearest: dict[FloorPose, Refused] = {}
    for branch in refused:
        best = nearest.setdefault(branch.base, branch)
        if (branch.q is None, len(branch.causes)) < (best.q is None, len(best.causes)):
            nearest[branch.base] = branch
    texts = Counter(branch.violations[0].text for branch in nearest.values())
    return tuple(f"{n} of {len(nearest)} base poses: {text}" for text, n in texts.most_common())
