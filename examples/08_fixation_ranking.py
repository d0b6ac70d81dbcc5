"""Which fixation holds best, when what is uncertain was drawn at random and the same for every scheme.

    python examples/08_fixation_ranking.py

The draws here are made up; `rafr fixation CASE --draws N` computes them by finite elements.
"""

import numpy as np

from rafr.fixation.study.ranking import Ranking, rank, recommendation


def ranking(lead_mm: float, draws: int = 50, seed: int = 0) -> Ranking:
    """Two schemes of which one sinks by `lead_mm` less; patients differ by far more than the schemes do."""
    rng = np.random.default_rng(seed)
    patient = rng.normal(0.65, 0.15, draws)  # mm, shared by both
    sinking = {"rods": patient, "screws": patient + rng.normal(lead_mm, 0.01, draws)}
    return rank(sinking, relevant_mm=0.05)


if __name__ == "__main__":
    for lead_mm in (0.1, 0.02):
        print(f"{lead_mm} mm: {recommendation(ranking(lead_mm))}")
