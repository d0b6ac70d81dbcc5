"""How well a classifier does on people it has not seen, and how much better a random split makes it look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress, part_of, silent
from rafr.risk.features.table import WindowTable
from rafr.risk.learning.abstention import Abstention
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.measures import measures

Groups = NDArray[Any]


def classes_of(table: WindowTable) -> tuple[str, str]:
    """The negative and the positive class: Low and High, else in the alphabet's order.

    Raises:
        InputError: not two.
    """
    found = sorted(set(table.label.tolist()), key=lambda c: (c != "Low", c))
    if len(found) != 2:
        raise InputError("the recordings", f"their labels are {', '.join(found)}", "exactly two")
    return found[0], found[1]


def target_of(table: WindowTable) -> NDArray[np.int64]:
    target: NDArray[np.int64] = (table.label == classes_of(table)[1]).astype(np.int64)
    return target


def time_blocks(table: WindowTable, count: int) -> Groups:
    """(n,) block 0 … count − 1 of each window: of every class of a trial as many windows in each, in the
    order of time.
    """
    block = np.empty(len(table), dtype=np.int64)
    for key in sorted(set(zip(table.subject, table.trial, strict=True))):
        rows = np.flatnonzero((table.subject == key[0]) & (table.trial == key[1]))
        rows = rows[np.argsort(table.start[rows], kind="stable")]
        block[rows] = np.arange(len(rows)) * count // len(rows)
    return block


def overlapping(table: WindowTable, rows: NDArray, others: NDArray) -> NDArray[np.bool_]:
    """(rows,) whether a window shares samples with any of the `others` of its trial."""
    shared = np.zeros(len(rows), dtype=bool)
    for key in set(zip(table.subject[rows], table.trial[rows], strict=True)):
        mine = np.flatnonzero((table.subject[rows] == key[0]) & (table.trial[rows] == key[1]))
        theirs = others[(table.subject[others] == key[0]) & (table.trial[others] == key[1])]
        if len(theirs):
            at = np.sort(table.start[theirs])
            t = table.start[rows[mine]]
            right = np.minimum(np.searchsorted(at, t), len(at) - 1)
            near = np.minimum(np.abs(at[right] - t), np.abs(at[np.maximum(right - 1, 0)] - t))
            shared[mine] = near < table.length - 1e-9
    return shared


def group_splits(table: WindowTable, groups: Groups) -> Iterator[tuple[Any, NDArray, NDArray]]:
    """Per group: its name, the rows to train on, the rows to test on; no window is shared between them."""
    for group in np.unique(groups):
        test = np.flatnonzero(groups == group)
        train = np.flatnonzero(groups != group)
        yield group, train[~overlapping(table, train, test)], test


def random_split(table: WindowTable, model: LoadClassifier, seed: int = 42) -> dict[str, Any]:
    """The study's split: 70 % of all windows at random, overlapping or not; by source."""
    y = target_of(table)
    rows = np.arange(len(table))
    train, test = train_test_split(rows, test_size=0.3, stratify=y, random_state=seed)
    fitted = clone(model).fit(table.features[train], y[train])
    shared = float(overlapping(table, test, train).mean())
    return {
        view: {
            **measures(y[test], fitted.predict_proba(table.features[test], view)[:, 1]),
            "windows_sharing_samples_with_training": shared,
        }
        for view in fitted.heads_
    }


def leave_one_group_out(
    table: WindowTable,
    model: LoadClassifier,
    groups: Groups,
    progress: Progress = silent,
    look: Callable[[LoadClassifier, NDArray], None] | None = None,
) -> dict[str, Any]:
    """Every group is judged by a model of the others; by source.

    Pooled measures over all windows; `balanced_accuracy` is the mean over groups, each as one would meet it.

    Args:
        look: called with each fitted model and its test rows.
    """
    y = target_of(table)
    probability: dict[str, FloatArray] = {}
    kept = np.zeros(len(table), dtype=bool)
    unlike = np.zeros(len(table), dtype=bool)
    covered = np.zeros(len(table), dtype=bool)
    names = np.unique(groups)
    for k, (group, train, test) in enumerate(group_splits(table, groups)):
        progress(k / len(names), f"without {group}")
        if len(np.unique(y[train])) < 2:
            raise InputError(
                f"the others than {group}", "are all of one class", "both classes in every group"
            )
        fitted = clone(model).fit(table.features[train], y[train], groups[train])
        for view in fitted.heads_:
            chances = fitted.predict_proba(table.features[test], view)[:, 1]
            probability.setdefault(view, np.empty(len(table)))[test] = chances
        last = list(fitted.heads_)[-1]
        columns = fitted.described
        guard = Abstention().fit(
            table.features[np.ix_(train, columns)], y[train], fitted.held_out_[last], groups[train]
        )
        mine = table.features[np.ix_(test, columns)]
        chances = probability[last][test]
        kept[test] = [reason == "" for reason in guard.reasons(mine, chances)]
        unlike[test] = guard.likeness(mine) < guard.unlike
        covered[test] = guard.answers(chances)[np.arange(len(test)), y[test]]
        if look is not None:
            look(fitted, test)
    result = {view: _by_group(y, p, groups) for view, p in probability.items()}
    last = list(probability)[-1]
    sure = kept.any()
    result[last]["abstention"] = {
        "abstained": float(1.0 - kept.mean()),
        "refused_as_unlike": float(unlike.mean()),
        "answers_hold_the_truth": float(covered.mean()),
        "accuracy_where_it_answers": float(np.mean((probability[last][kept] > 0.5) == y[kept]))
        if sure
        else None,
    }
    return result


def _by_group(y: NDArray[np.int64], probability: FloatArray, groups: Groups) -> dict[str, Any]:
    per = {}
    for group in np.unique(groups):
        rows = groups == group
        per[str(group)] = measures(y[rows], probability[rows])["balanced_accuracy"]
    pooled = measures(y, probability)
    known = [v for v in per.values() if v is not None]
    return {
        **pooled,
        "pooled_balanced_accuracy": pooled["balanced_accuracy"],
        "balanced_accuracy": float(np.mean(known)) if known else pooled["balanced_accuracy"],
        "worst": min(known, default=None),
        "by_group": per,
    }


def evaluate(
    table: WindowTable,
    model: LoadClassifier,
    blocks: int = 5,
    seed: int = 42,
    progress: Progress = silent,
    look: Callable[[LoadClassifier, NDArray], None] | None = None,
) -> dict[str, Any]:
    """Per source: random split, people left out, and blocks of time left out where there is but one
    person.
    """
    people = np.unique(table.subject)
    at_random = random_split(table, model, seed)
    result: dict[str, Any] = {view: {"random_split": m} for view, m in at_random.items()}
    rest = part_of(progress, 0.1, 1.0)
    one = len(people) < 2
    groups = time_blocks(table, blocks) if one else table.subject
    grouped = leave_one_group_out(table, model, groups, rest, look)
    name, other = (
        ("leave_one_block_out", "leave_one_subject_out")
        if one
        else ("leave_one_subject_out", "leave_one_block_out")
    )
    for view, values in grouped.items():
        result[view] |= {name: values, other: None}
        gain = at_random[view]["balanced_accuracy"] - values["balanced_accuracy"]
        result[view]["leak"] = gain  # what the random split adds
    return result
