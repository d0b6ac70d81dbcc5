"""The registration node of `box_case` as it is after a registration: the bodies where the CT has them."""

import sys

from rafr_msgs.msg import BodyRegistration, Registration

from rafr.geometry import RigidTransform
from rafr.nodes.convert import pose_message
from rafr.nodes.registration import RegistrationNode
from rafr.nodes.runtime import run_node


class RegisteredNode(RegistrationNode):
    def __init__(self) -> None:
        super().__init__()
        here = pose_message(RigidTransform.identity())
        bodies = [
            BodyRegistration(name=n, cbct_from_ct=here, marker_from_ct=here) for n in ("reference", "wing")
        ]
        self._publish(Registration(case_id="box", bodies=bodies, accepted=True))


if __name__ == "__main__":
    sys.exit(run_node(RegisteredNode))
