"""The document of an operation for the patient's file: HTML and PDF from `report.json` and its pictures."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from rafr.errors import InputError
from rafr.files import written_whole

_TEMPLATE = "operation_report.html.j2"
_WIDEST, _QUALITY = 1600, 90  # pixels, JPEG's
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
    from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

    environment = Environment(
        loader=PackageLoader("rafr.review"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": _number, "percent": _percent, "words": _words}
    path = folder / "report.json"
    report = _read(path)
    try:
        return environment.get_template(_TEMPLATE).render(
            report=report, pelvis=report["pelvis"], pictures=_pictures(folder)
        )
    except (KeyError, TypeError, UndefinedError) as error:
        raise InputError(path, f"a value is missing ({error})", "a report of this version of rafr") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "the report.json of a run") from None
    if not isinstance(report, dict) or "outcome" not in report:
        raise InputError(path, "it is no report of a run", "the report.json of a run")
    return report


def _pictures(folder: Path) -> list[dict[str, str]]:
    """The pictures that are there, as data URLs, with their captions."""
    there = {name: folder / name for name in _PICTURES if (folder / name).is_file()}
    return [{"source": _data_url(path), "caption": _PICTURES[name]} for name, path in there.items()]


def _data_url(path: Path) -> str:
    """As JPEG, no wider than it is ever looked at: a tenth of the bytes, and of the time the PDF takes."""
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(path, "cannot be read", "a PNG picture of the run")
    height, width = image.shape[:2]
    if width > _WIDEST:
        size = _WIDEST, round(height * _WIDEST / width)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _write_pdf(html: str, path: Path) -> None:
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    inside = URLFetcher(allowed_protocols=["data"])  # nothing is fetched from anywhere
    HTML(string=html, url_fetcher=inside).write_pdf(path)


def _number(value: float | None, digits: int) -> str:
    """With a true minus; a dash where nothing is known."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _percent(share: float | None, digits: int) -> str:
    return "–" if share is None else f"{100.0 * share:.{digits}f} %"


def _words(name: str) -> str:
    return name.replace("_", " ")
