"""Motions of base and arm, optimised and verified."""
