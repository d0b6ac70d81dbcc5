"""The two-person lifting study made again, step by step, and what its random split hides."""
