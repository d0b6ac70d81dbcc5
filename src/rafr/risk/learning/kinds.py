"""What a classifier of lifting load can be made of; apart from it, so that options can be listed without
scikit-learn.
"""

KINDS = ("mixed", "trees", "boosting", "logistic", "convolutions")
FUSIONS = ("stacked", "summed", "features")
SEQUENCE_HZ = 20.0  # of the series that the convolutions read
