"""Volumes: reading, labels to surfaces and back, simulated CT and CBCT."""
