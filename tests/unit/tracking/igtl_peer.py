"""A process that speaks OpenIGTLink through pyigtl's own server or client, for the tests of the driver.

python igtl_peer.py server|client PORT FRAMES PERIOD [silent]

Prints its port, then sends FRAMES frames of two tools (TRANSFORM) once somebody is connected. The place of
the reference is (frame, 2, 1000) mm, its device time 100 s + 10 ms per frame.
"""

import sys
import time

import numpy as np
import pyigtl


def frame(number):
    for name, y in (("ReferenceToTracker", 2.0), ("StylusToTracker", 3.0)):
        matrix = np.eye(4)
        matrix[:3, 3] = (number, y, 1000.0)
        yield pyigtl.TransformMessage(matrix, device_name=name, timestamp=100.0 + 0.01 * number)


def main():
    kind, port, frames, period = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    silent = "silent" in sys.argv
    if kind == "server":
        peer = pyigtl.OpenIGTLinkServer(port=port, local_server=True)
        print(peer.server_address[1], flush=True)
    else:
        peer = pyigtl.OpenIGTLinkClient("127.0.0.1", port)
        print(port, flush=True)
    while not peer.is_connected():
        time.sleep(0.005)
    for number in range(1, frames + 1):
        for message in frame(number):
            peer.send_message(message, wait=True)
        time.sleep(period)
    while silent:
        time.sleep(1.0)
    time.sleep(0.2)  # pyigtl says a message is sent when it leaves the queue
    peer.stop()


if __name__ == "__main__":
    main()
