# SPDX-License-Identifier: BSD-3-Clause
"""The watch over the master goes on whatever a dying master answers; real restarts are in test/integration."""

import socket
import threading

import pytest
from live import wait_for

from camera_relocalization_ros.ros.master_watch import MasterWatch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 20", HEAD + b"Content-Length: 500\r\n\r\n<?xml", HEAD + b"Content-Length: 9\r\n\r\n<?xml ver"],
    ids=["nothing", "half a head", "half a body", "half of the XML"],
)
def test_an_answer_that_is_cut_short_does_not_end_the_watch(answer, monkeypatch):
    asked, server = [], socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # the test is over
                return
            with connection:
                asked.append(connection.recv(10000))
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setenv("ROS_MASTER_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
    with server:
        MasterWatch(dict, period_s=0.05).start()
        # http.client asks again once by itself
        wait_for(lambda: len(asked) > 6, "it asks again and again")
