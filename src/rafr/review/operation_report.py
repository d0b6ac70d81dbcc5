"""The document of an operation for the patient's file: HTML and PDF from `report.json` and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rafr.errors import InputError
from rafr.files import written_whole
from rafr.foreign import read_json
from rafr.review.document import data_url, rendered

_TEMPLATE = "operation_report.html.j2"
_PICTURES = {
    "before_after.png": "Before and after; outlines show where each fragment belongs.",
    "xrays.png": "Radiographs from the CT, graded by fracture edges; the table grades by the whole surface.",
    "curves.png": "Distance to the target, way off the path, force and its limit during the reduction.",
}


def save_operation_report(folder: Path) -> list[str]:
    """Write `report.html` (nothing beside it is needed) and `report.pdf`; returns what was written.

    Args:
        folder: of a run, holding `report.json` and whichever of its pictures were made.

    Raises:
        InputError: there is no `report.json`, or it is none of rafr's.
    """
    html = operation_report(folder)
    with written_whole(folder / "report.html") as path:
        path.write_text(html, encoding="utf-8")
    with written_whole(folder / "report.pdf") as path:
        _write_pdf(html, path)
    return ["report.html", "report.pdf"]


def operation_report(folder: Path) -> str:
    """The document as HTML with its pictures inside.

    Raises:
        InputError: as `save_operation_report`.
    """
    from jinja2 import UndefinedError

    path = folder / "report.json"
    report = _read(path)
    try:
        return rendered(
            "rafr.review", _TEMPLATE, report=report, pelvis=report["pelvis"], pictures=_pictures(folder)
        )
    except (KeyError, TypeError, ValueError, AttributeError, UndefinedError) as error:
        problem = f"a value is missing or of another kind ({error})"
        raise InputError(path, problem, "a report of this version of rafr") from None


def _read(path: Path) -> dict[str, Any]:
    report = read_json(path, "the report.json of a run")
    if not isinstance(report, dict) or "outcome" not in report:
        raise InputError(path, "it is no report of a run", "the report.json of a run")
    return report


def _pictures(folder: Path) -> list[dict[str, str]]:
    """The pictures that are there, as data URLs, with their captions."""
    there = {name: folder / name for name in _PICTURES if (folder / name).is_file()}
    return [{"source": data_url(path), "caption": _PICTURES[name]} for name, path in there.items()]


def _write_pdf(html: str, path: Path) -> None:
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    inside = URLFetcher(allowed_protocols=["data"])  # nothing is fetched from anywhere
    HTML(string=html, url_fetcher=inside).write_pdf(path)
