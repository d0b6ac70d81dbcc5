"""Finite elements that know nothing of bones: quadratic tetrahedra, constraints, contact, solvers (mm, N, MPa)."""
