"""Texts on pictures: side letters, captions, legends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[float, float, float]

_INK = (235, 235, 230)


def with_side_letters(image: Image, left: str, right: str) -> Image:
    """Side letters at the edges, as on a radiograph."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    canvas = Pillow.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    w, h = canvas.size
    font = _font(max(12, h // 22))
    draw.text((0.02 * w, 0.5 * h), left, fill=_INK, font=font, anchor="lm")
    draw.text((0.98 * w, 0.5 * h), right, fill=_INK, font=font, anchor="rm")
    return np.asarray(canvas)


def captioned(image: Image, text: str) -> Image:
    """A line of text in the upper left corner."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    canvas = Pillow.fromarray(image)
    h = canvas.size[1]
    ImageDraw.Draw(canvas).text((12, 10), text, fill=_INK, font=_font(max(12, h // 26)))
    return np.asarray(canvas)


def with_legend(sheet: Image, title: str, colours: Mapping[str, Colour], targets: bool) -> Image:
    """The sheet with a title and the bodies' names in their colours below."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    height = 44
    canvas = Pillow.fromarray(np.concatenate([sheet, np.zeros((height, sheet.shape[1], 3), np.uint8)]))
    draw = ImageDraw.Draw(canvas)
    font = _font(18)
    y = sheet.shape[0] + height / 2
    x = 14.0
    for name, colour in colours.items():
        fill = tuple(int(255 * c) for c in colour)
        draw.rectangle((x, y - 8, x + 16, y + 8), fill=fill)
        draw.text((x + 24, y), name.replace("_", " "), fill=_INK, font=font, anchor="lm")
        x += 24 + draw.textlength(name.replace("_", " "), font=font) + 28
    note = " · ".join(t for t in (title, "lines: target" if targets else "") if t)
    draw.text((sheet.shape[1] - 14, y), note, fill=_INK, font=font, anchor="rm")
    return np.asarray(canvas)


def _font(pixels: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), pixels)
