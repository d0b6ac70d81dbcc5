"""A pelvis made from nothing but code: parametric bones, individual variation, natural asymmetry."""

from __future__ import annotations

from rafr.cases.virtual.person import VariationConfig, virtual_pelvis

__all__ = ["VariationConfig", "virtual_pelvis"]
