"""Soft tissue, traction and bone contact: what acts on a fragment."""
