"""Finite elements that know nothing of bones: Tet10, constraints, contact, solvers (mm, N, MPa)."""
