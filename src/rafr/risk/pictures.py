"""How far the random split is from people left out, in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rafr.files import written_whole

_RANDOM, _PEOPLE = "#e69f00", "#0072b2"


def save_people(path: Path, views: dict[str, Any], subtitle: str) -> None:
    """Balanced accuracy per source of the random split, of the groups' mean, and of every group.

    Args:
        views: of `evaluate`.
    """
    figure = Figure(figsize=(1.6 + 1.9 * len(views), 4.2), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)  # only spreads the dots
    kind = "person"
    for k, (_source, values) in enumerate(views.items()):
        left = values["leave_one_subject_out"]
        if left is None:
            left, kind = values["leave_one_block_out"], "block of time"
        at_random = values["random_split"]["balanced_accuracy"]
        axes.bar(k - 0.2, at_random, 0.36, color=_RANDOM, label="random split" if k == 0 else None)
        text = f"each {kind} left out: mean" if k == 0 else None
        axes.bar(k + 0.2, left["balanced_accuracy"], 0.36, color=_PEOPLE, label=text)
        each = [v for v in left["by_group"].values() if v is not None]
        x = k + 0.2 + rng.uniform(-0.12, 0.12, len(each))
        axes.scatter(x, each, s=14, color="black", zorder=3, label=f"one {kind}" if k == 0 else None)
        for at, value in ((k - 0.2, at_random), (k + 0.2, left["balanced_accuracy"])):
            axes.text(at, 0.03, f"{value:.2f}", ha="center", color="white", fontsize=10)
    axes.axhline(0.5, color="0.4", linestyle=":")
    axes.set_xticks(range(len(views)), [s if s == "fusion" else s.upper() for s in views])
    axes.set(ylabel="balanced accuracy", ylim=(0.0, 1.05))
    axes.set_title(subtitle, fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)
