"""Bones and fragments from a CT: one interface, several methods."""
