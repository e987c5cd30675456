# SPDX-License-Identifier: BSD-3-Clause
"""The box between the subscriber's thread and the worker."""

import threading
import time

from camera_relocalization_ros.ros.node.newest_frame import LONGEST_MISSED, NewestFrame


def test_the_newest_frame_wins_and_losses_are_counted():
    box = NewestFrame()
    for number in range(5):
        box.put(number)
    arrival = box.take(0.0)
    assert arrival.message == 4 and arrival.missed == (0, 1, 2, 3)
    assert (box.seen, box.dropped) == (5, 4)
    box.put(5)
    assert box.take(0.0).missed == ()
    for number in range(2 * LONGEST_MISSED):
        box.put(number)
    assert box.take(0.0).missed == tuple(range(LONGEST_MISSED - 1, 2 * LONGEST_MISSED - 1))
    assert box.take(0.0) is None


def test_a_waiting_worker_gets_the_frame_at_once():
    box = NewestFrame()
    threading.Timer(0.05, box.put, ["frame"]).start()
    arrival = box.take(10.0)
    assert arrival.message == "frame"
    assert time.monotonic() - arrival.received_s < 5.0


def test_closing_ends_a_wait():
    box = NewestFrame()
    threading.Timer(0.05, box.close).start()
    assert box.take(10.0) is None
    assert box.closed
