"""Finite elements, which know nothing of bones: quadratic tetrahedra, contact, solvers (mm, N, MPa)."""
