"""Runs `view` or `tracker` (the node's name says which) with their frames as text on the topic `frames`.

TF's own message is not among the wheels; the frames are the same.
"""

import importlib
import json
import sys

import rafr.nodes.frames
from rafr.nodes.convert import seconds


class SpokenFrames:
    """Stands in for `TfPublisher`: [parent, child, stamp] of every frame."""

    watched = True

    def __init__(self, node):
        from std_msgs.msg import String

        self._kind, self._publisher = String, node.create_publisher(String, "frames", 100)

    def publish(self, frames):
        said = [[f.header.frame_id, f.child_frame_id, seconds(f.header.stamp)] for f in frames]
        if said:
            self._publisher.publish(self._kind(data=json.dumps(said)))


if __name__ == "__main__":
    rafr.nodes.frames.TfPublisher = SpokenFrames
    name = next(a.removeprefix("__node:=") for a in sys.argv if a.startswith("__node:="))
    importlib.import_module(f"rafr.nodes.{name}").main()
