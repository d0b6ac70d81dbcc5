"""What HTML documents of rafr share: templates, numbers in text, pictures inside the file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from rafr.errors import InputError

_WIDEST, _QUALITY = 1600, 90  # pixels, JPEG's


def rendered(package: str, name: str, **values: Any) -> str:
    """A jinja2 template of a package's `templates`, filled.

    Raises:
        UndefinedError: (jinja2's) it names a value that is not given.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": number, "percent": percent, "words": words}
    return str(environment.get_template(name).render(**values))


def data_url(path: Path) -> str:
    """As JPEG, no wider than it is ever looked at: a tenth of the bytes, and of the time a PDF takes."""
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


def number(value: float | None, digits: int) -> str:
    """With a true minus; a dash where nothing is known."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def percent(share: float | None, digits: int) -> str:
    return "–" if share is None else f"{100.0 * share:.{digits}f} %"


def words(name: str) -> str:
    return name.replace("_", " ")
