"""From attenuation to a picture as a radiograph is looked at, with what was measured drawn on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray
from rafr.pictures.lettering import Image, captioned, with_side_letters
from rafr.xray.displacement import SeenDisplacement
from rafr.xray.projector import FloatImage
from rafr.xray.view import View

_COARSE_SHARE = 0.7  # of the slow changes, taken out as digital systems do
_COARSE_SIZE = 1 / 14  # standard deviation of "slow", of the picture's width
_SLOW_PIXELS = 256  # as wide a picture shows them well enough
_TAILS = (4.0, 99.8)  # percentiles of the patient shown black and white
_PATIENT = 0.3  # attenuation from which on a ray is taken to have met the patient
_HEADROOM = 1.2  # over all but the strongest twentieth of it; metal beyond is white
_CAPTION_DIM = 0.45
_AMBER = (255, 176, 32)
_BAR_MM = 50.0


@dataclass(frozen=True, slots=True)
class Tone:
    """How attenuation becomes a grey value.

    Attributes:
        ceiling: what is stronger counts as this.   damping: share of the slow changes that is taken out.
        black, white: what is shown so, after both.
    """

    ceiling: float
    damping: float
    black: float
    white: float

    @staticmethod
    def of(attenuation: FloatImage, soft_tissue: bool = True) -> Tone:
        """What suits a picture; take that of the first for all that are compared with it.

        Args:
            soft_tissue: the picture shows more than bone, so that there are slow changes to be damped.
        """
        patient = attenuation > _PATIENT
        if not patient.any():
            return Tone(1.0, 0.0, 0.0, 1.0)
        ceiling = _HEADROOM * float(np.percentile(attenuation[patient], 95.0))
        damping = _COARSE_SHARE if soft_tissue else 0.0
        patient &= attenuation < ceiling
        black, white = np.percentile(_evened(attenuation, ceiling, damping)[patient], _TAILS)
        return Tone(ceiling, damping, float(black) if soft_tissue else 0.0, float(max(white, black + 1e-3)))

    def apply(self, attenuation: FloatImage) -> NDArray[np.uint8]:
        """(height, width) grey values; bone and metal bright."""
        share = (_evened(attenuation, self.ceiling, self.damping) - self.black) / (self.white - self.black)
        return np.asarray(np.clip(share, 0.0, 1.0) * 255.0 + 0.5, dtype=np.uint8)


def picture(
    attenuation: FloatImage, tone: Tone, view: View, caption: str, seen: SeenDisplacement | None = None
) -> Image:
    """(height, width, 3): one radiograph with side letters, a scale, a caption and the displacement seen."""
    image: Image = np.repeat(tone.apply(attenuation)[..., None], 3, axis=2)
    _draw_scale(image, view)
    if seen is not None and seen.mm >= view.pixel_mm:
        _draw_displacement(image, seen)
    box = image[: round(0.05 * image.shape[0] * (1 + caption.count("\n"))) + 10]
    box[:] = (_CAPTION_DIM * box).astype(np.uint8)
    return captioned(with_side_letters(image, *view.letters), caption)


def sheet(rows: Sequence[Sequence[Image]]) -> Image:
    """Pictures of one size in rows."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)


def caption_of(view: str, state: str, seen: SeenDisplacement | None) -> str:
    """What a picture is, and the displacement between fracture edges that it shows."""
    name = {"ap": "AP"}.get(view, view)
    return f"{name}, {state}" + ("" if seen is None else f": {seen.mm:.1f} mm")


def verdict_of(matta: Mapping[str, object]) -> str:
    """Matta's grade in words; empty where there is none."""
    return "" if matta.get("grade") is None else f"Matta: {matta['grade']} ({matta['max_mm']:.1f} mm)"


def _evened(attenuation: FloatImage, ceiling: float, damping: float) -> FloatImage:
    attenuation = np.minimum(attenuation, np.float32(ceiling))
    if damping == 0.0:
        return attenuation
    evened: FloatImage = attenuation - np.float32(damping) * _slow(attenuation)
    return evened


def _slow(attenuation: FloatImage) -> FloatImage:
    """The slow changes; of a large picture from one of 256 to 511 pixels, as good and much quicker."""
    h, w = attenuation.shape
    step = max(w // _SLOW_PIXELS, 1)
    small = cv2.resize(attenuation, (w // step, h // step), interpolation=cv2.INTER_AREA)
    deviation = _COARSE_SIZE * small.shape[1]
    blurred = cv2.GaussianBlur(small, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(blurred, (w, h), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _draw_scale(image: Image, view: View) -> None:
    """A bar as long as 50 mm in the middle of the pelvis."""
    h, w = image.shape[:2]
    length, y, x = _BAR_MM / view.pixel_mm, int(0.97 * h), int(0.02 * w)
    if length < 0.5 * w:
        cv2.line(image, (x, y), (round(x + length), y), (235, 235, 230), max(1, h // 256))


def _draw_displacement(image: Image, seen: SeenDisplacement) -> None:
    """An arrow from where the point belongs to where the picture has it."""
    width = max(1, image.shape[0] // 320)
    start, end = _fixed_point(seen.belongs), _fixed_point(seen.shown)
    cv2.line(image, start, end, _AMBER, width, cv2.LINE_AA, shift=4)
    cv2.circle(image, start, 16 * (2 + width), _AMBER, width, cv2.LINE_AA, shift=4)
    cv2.circle(image, end, 16 * (1 + width), _AMBER, -1, cv2.LINE_AA, shift=4)


def _fixed_point(pixel: FloatArray) -> tuple[int, int]:
    column, row = np.round(16.0 * pixel).astype(int)
    return int(column), int(row)
