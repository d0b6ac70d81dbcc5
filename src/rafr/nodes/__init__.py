"""The ROS 2 nodes: the only part of rafr that imports ROS. One module per executable."""
