"""Unique identifiers of what rafr writes as DICOM."""

from __future__ import annotations

import hashlib
import uuid

import numpy as np

from rafr.imaging.volume import Volume

_NAMESPACE = uuid.UUID("6d1f6c0e-0f0b-5c59-9d0e-6f9c1f7e52aa")


def named_uid(*names: str) -> str:
    """The same UID for the same names: a version 5 UUID below 2.25, free to all (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(names)).int}"


def new_uid() -> str:
    """A UID that was never used."""
    return f"2.25.{uuid.uuid4().int}"


def fingerprint(case_id: str, ct: Volume) -> str:
    """What a CT's UIDs are made from: the same image of the same case has the same ones in every export."""
    digest = hashlib.sha256(case_id.encode())
    digest.update(np.ascontiguousarray(ct.array).tobytes())
    for part in (ct.origin, ct.spacing, ct.direction):
        digest.update(np.round(np.ascontiguousarray(part, dtype=float), 6).tobytes())
    return digest.hexdigest()
