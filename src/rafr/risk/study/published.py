"""Numbers of the studies ours are compared with."""

from __future__ import annotations

# two people, windows of 100 samples every 30, dealt at random; accuracy and area under the ROC curve
STUDY = {
    "emg": {"random_forest": {"accuracy": 0.83}, "logistic_regression": {"accuracy": 0.58, "roc_auc": 0.59}},
    "imu": {"random_forest": {"accuracy": 0.53}},
}
# other people's loads, told from sensors by models that had not seen the person
OTHERS = (
    "lifted weight from IMU alone, 24 people: 64 % (PMC7219665)",
    "hand load from an EMG armband, 12 people: 79 to 83 % (10.1177/21695067231192435)",
)
