"""Virtual people who lift boxes, with the EMG and IMU they would have worn. Synthetic: no person was
measured.
"""
