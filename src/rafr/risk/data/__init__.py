"""Recordings of people who lift: files in, checked, in SI units."""
