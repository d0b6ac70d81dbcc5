"""Texts on pictures: side letters, captions, legends."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place of a picture.

    Attributes:
        at: column and row of the anchor.   pixels: size of the font.
        anchor: l, m or r across, then t, m or b: which side of the text lies at that place.
    """

    text: str
    at: tuple[float, float]
    pixels: int
    colour: tuple[int, int, int]
    anchor: str = "lt"

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Column, row, width, height of what it covers."""
        height, width = _stamp(self.text, self.pixels)[0].shape[:2]
        column = self.at[0] - {"l": 0.0, "m": 0.5, "r": 1.0}[self.anchor[0]] * width
        row = self.at[1] - {"t": 0.0, "m": 0.5, "b": 1.0}[self.anchor[1]] * height
        return round(column), round(row), width, height

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether it lies inside a picture (width, height)."""
        x, y, w, h = self.box
        return x >= 0 and y >= 0 and x + w <= size[0] and y + h <= size[1]

    def touches(self, other: Label) -> bool:
        x, y, w, h = self.box
        x2, y2, w2, h2 = other.box
        return x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h


def draw_text(image: Image, label: Label) -> None:
    """Write on an image itself, edged dark to be read on any ground; moved inside where it sticks out."""
    cover, ink = _stamp(label.text, label.pixels)
    column, row, w, h = label.box
    column = max(0, min(column, image.shape[1] - w))
    row = max(0, min(row, image.shape[0] - h))
    ground = image[row : row + h, column : column + w]
    h, w = ground.shape[:2]  # less where the image is smaller than the text
    shown = ground * (1.0 - cover[:h, :w]) + ink[:h, :w] * np.array(label.colour, np.float32)
    ground[:] = np.rint(shown).astype(np.uint8)


@functools.lru_cache(maxsize=256)
def _stamp(text: str, pixels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a text covers with its dark edge, and its letters alone: (h, w, 1), 0..1."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    edge, font = 2, _font(pixels)
    left, top, right, bottom = (round(v) for v in font.getbbox(text, stroke_width=edge))
    layers = []
    for width in (edge, 0):
        canvas = Pillow.new("L", (right - left, bottom - top))
        place = (-left, -top)
        ImageDraw.Draw(canvas).text(place, text, fill=255, font=font, stroke_width=width)
        layers.append(np.asarray(canvas, dtype=np.float32)[..., None] / 255.0)
    return layers[0], layers[1]


@functools.cache
def _font(pixels: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), pixels)
