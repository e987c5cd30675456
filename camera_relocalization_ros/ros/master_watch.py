# SPDX-License-Identifier: BSD-3-Clause
"""Makes this node known to a master that was started again; rospy tells a master once, and never looks again.

Connections between nodes outlive the master, so a camera that was heard before goes on being heard. What is missing
on a new master is said to it as rospy says it at the start (ROS Master and Slave APIs).
"""

from __future__ import annotations

import logging
import threading
from xmlrpc.client import Error as XmlRpcError
from xmlrpc.client import ServerProxy

import rosgraph
import rospy
from rospy.impl.registration import get_service_manager

WATCH_PERIOD_S = 1.0
logger = logging.getLogger(__name__)


class MasterWatch:
    """Looks every second whether the master knows this node; a thread of its own, which ends with the node."""

    def __init__(self, period_s: float = WATCH_PERIOD_S) -> None:
        self._period_s = period_s
        self._is_away = False

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._run, name="master_watch", daemon=True).start()

    def _run(self) -> None:
        # not rospy's timer: in simulated time it stands still with the clock
        ending = threading.Event()
        rospy.on_shutdown(ending.set)
        while not ending.wait(self._period_s):
            self._look()

    def _look(self) -> None:
        master = rosgraph.Master(rospy.get_name())
        try:
            if _is_known(master):
                self._is_away = False
                return
            _register(master)
        except (OSError, XmlRpcError, rosgraph.MasterException) as error:
            if not self._is_away:
                logger.warning("no answer from the master (%s); what is connected goes on", error)
            self._is_away = True
            return
        self._is_away = False
        rospy.logwarn("the master was started again, and knows this node again now")


def _is_known(master: rosgraph.Master) -> bool:
    """Whether the master has this node; raises OSError when there is no master."""
    try:
        return bool(master.lookupNode(rospy.get_name()))
    except rosgraph.MasterError:
        return False


def _register(master: rosgraph.Master) -> None:
    """Tell the master of all services and topics of this node, and this node of all publishers there."""
    uri, name = rospy.get_node_uri(), rospy.get_name()
    # this node's own slave API knows its topics, and takes news of publishers as from any master
    node = ServerProxy(uri)
    for service_name, service_uri in get_service_manager().get_services():
        master.registerService(service_name, service_uri, uri)
    for topic, kind in node.getPublications(name)[2]:
        master.registerPublisher(topic, kind, uri)
    for topic, kind in node.getSubscriptions(name)[2]:
        node.publisherUpdate("/master", topic, master.registerSubscriber(topic, kind, uri))
