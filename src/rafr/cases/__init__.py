"""Patients as folders: reading and writing them, virtual pelves and fractures, surfaces of their bodies."""
