"""EMG and inertial sensors: how heavy people lift, and what the patient's muscles say."""
