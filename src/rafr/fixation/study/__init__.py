"""What the results of several schemes say: the paper's statistics, and a ranking under uncertainty."""
