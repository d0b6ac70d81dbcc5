"""Receding-horizon re-planning of the arm along the approved path, with the patient's tissue in it."""
