"""Kinematic models of arm and mobile base, from one description."""
