"""Controllers and safety rules: pure, time comes in, nothing here knows ROS."""
