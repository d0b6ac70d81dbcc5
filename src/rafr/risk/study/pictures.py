"""The study's figures of our classifiers: ROC curves, confusion matrices, principal components, a tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.metrics import roc_curve
from sklearn.preprocessing import StandardScaler
from sklearn.tree import plot_tree

from rafr.files import written_whole
from rafr.risk.study.pipeline import Fitted, StudyWindows
from rafr.risk.study.published import STUDY

_NAMES = {"logistic_regression": "logistic regression", "random_forest": "random forest"}
_COLOURS = {"logistic_regression": "#d55e00", "random_forest": "#0072b2"}
_CLASSES = ("Low", "High")


def save_roc(path: Path, fitted: Sequence[Fitted], title: str) -> None:
    sources = sorted({f.source for f in fitted})
    figure = Figure(figsize=(5.0 * len(sources), 4.6), layout="constrained")
    for axes, source in zip(figure.subplots(1, len(sources), squeeze=False)[0], sources, strict=True):
        for f in fitted:
            if f.source == source:
                wrong, right, _ = roc_curve(f.truth, f.probability)
                auc = f.result["random_split"]["roc_auc"]
                text = f"{_NAMES[f.name]}, AUC {auc:.2f}{_published(source, f.name)}"
                axes.plot(wrong, right, color=_COLOURS[f.name], label=text)
        axes.plot([0, 1], [0, 1], color="0.6", linestyle=":")
        axes.set(xlabel="light lifts called heavy", ylabel="heavy lifts found", aspect="equal")
        axes.set_title(f"{source.upper()}, random split")
        axes.legend(loc="lower right", fontsize=8)
    figure.suptitle(title)
    _save(path, figure)


def save_confusion(path: Path, fitted: Sequence[Fitted], title: str) -> None:
    """Left: random split; right: the other people."""
    kinds = [k for k in ("random_split", "leave_one_subject_out") if fitted[0].result[k]]
    figure = Figure(figsize=(3.2 * len(kinds) + 0.6, 2.9 * len(fitted)), layout="constrained")
    grid = figure.subplots(len(fitted), len(kinds), squeeze=False)
    for row, f in zip(grid, fitted, strict=True):
        for axes, kind in zip(row, kinds, strict=True):
            counts = np.array(f.result[kind]["confusion"])
            share = counts / counts.sum(axis=1, keepdims=True)
            axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
            for i, j in np.ndindex(2, 2):
                colour = "white" if share[i, j] > 0.6 else "black"
                axes.text(
                    j, i, f"{counts[i, j]}\n{100 * share[i, j]:.0f} %", ha="center", va="center", color=colour
                )
            axes.set_xticks((0, 1), _CLASSES)
            axes.set_yticks((0, 1), _CLASSES)
            axes.set(xlabel="said", ylabel="lifted")
            split = "random split" if kind == "random_split" else "person left out"
            axes.set_title(f"{f.source.upper()}, {_NAMES[f.name]},\n{split}", fontsize=9)
    figure.suptitle(title, fontsize=10)
    _save(path, figure)


def save_components(path: Path, windows: dict[str, StudyWindows], title: str) -> None:
    """The first two principal components of the windows, by load (colour) and person (mark)."""
    figure = Figure(figsize=(5.2 * len(windows), 4.6), layout="constrained")
    for axes, (source, w) in zip(
        figure.subplots(1, len(windows), squeeze=False)[0], windows.items(), strict=True
    ):
        pca = PCA(2)
        points = pca.fit_transform(StandardScaler().fit_transform(w.features))
        for person, mark in zip(np.unique(w.subject), "ox^sd*", strict=False):
            for k, colour in enumerate(("#009e73", "#cc79a7")):
                some = points[(w.subject == person) & (w.label == k)][::4]
                axes.scatter(
                    *some.T, s=8, marker=mark, color=colour, alpha=0.5, label=f"{person} {_CLASSES[k]}"
                )
        x, y = (f"component {k + 1} ({100 * v:.0f} %)" for k, v in enumerate(pca.explained_variance_ratio_))
        limits = np.percentile(points, [0.5, 99.5], axis=0)
        axes.set(xlabel=x, ylabel=y, xlim=limits[:, 0], ylim=limits[:, 1])
        axes.set_title(f"{source.upper()}: every fourth window")
        axes.legend(fontsize=8, markerscale=2)
    figure.suptitle(title)
    _save(path, figure)


def save_tree(path: Path, forest: Fitted, names: Sequence[str], title: str) -> None:
    """The first three levels of the forest's first tree."""
    figure = Figure(figsize=(15.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)  # boxes are fitted to their text as it is drawn
    axes = figure.subplots()
    plot_tree(
        forest.model.estimators_[0],
        max_depth=2,
        feature_names=list(names),
        class_names=list(_CLASSES),
        filled=True,
        impurity=False,
        proportion=True,
        fontsize=9,
        ax=axes,
    )
    axes.set_title(
        f"{title}: {forest.source.upper()}, first of {len(forest.model.estimators_)} trees, its first levels"
    )
    _save(path, figure)


def _published(source: str, name: str) -> str:
    value = STUDY.get(source, {}).get(name, {}).get("roc_auc")
    return "" if value is None else f" (study {value:.2f})"


def _save(path: Path, figure: Figure) -> None:
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)
