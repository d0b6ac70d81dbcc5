"""Every peer, and how it is installed."""

from __future__ import annotations

from rafr.bench.measure import Peer

_EXTRA = "pip install 'rafr[bench]'"
_SET_UP = "comes with rafr's locked packages"

ELASTIX = Peer("itk-elastix", module="itk", distribution="itk-elastix", install=_EXTRA)
OMPL = Peer("OMPL RRT-Connect", module="ompl", distribution="ompl", install=_EXTRA)
TOPPRA = Peer("toppra, jerk unbounded", module="toppra", distribution="toppra", install=_SET_UP)
RUCKIG = Peer("ruckig along the path", module="ruckig", distribution="ruckig", install=_SET_UP)
IPOPT = Peer("ipopt, cold", module="casadi", distribution="casadi", install=_SET_UP)
CALCULIX = Peer("CalculiX", program="ccx", install="apt-get install calculix-ccx")
MUJOCO = Peer("bare MuJoCo", module="mujoco", distribution="mujoco", install=_SET_UP)
RCLPY = Peer("bare rclpy hop", module="rclpy", distribution="ros-rclpy", install=_SET_UP)
SKLEARN = Peer("scikit-learn loop", module="sklearn", distribution="scikit-learn", install=_SET_UP)
PLAIN_LOOP = Peer("loop over channels", module="scipy", distribution="scipy", install=_SET_UP)
STRAIGHT = Peer("straight path")
