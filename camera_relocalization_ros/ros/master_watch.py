# SPDX-License-Identifier: BSD-3-Clause
"""Makes this node known to a master that was started again; rospy registers once, and never looks again.

Connections between nodes outlive the master, so a camera that was heard before goes on being heard. What is missing
on a new master is said to it as rospy says it at the start (ROS Master and Slave APIs). Its parameter server is empty,
and roslaunch does not fill it again: this node's parameters are said too, or a respawned one would find none.
"""

from __future__ import annotations

import logging
import threading
from http.client import HTTPConnection, HTTPException
from typing import Any, Callable
from xml.parsers.expat import ExpatError
from xmlrpc.client import Error as XmlRpcError
from xmlrpc.client import ServerProxy, Transport

import rosgraph
import rospy
from rospy.impl.registration import get_service_manager

from camera_relocalization_ros.ros.lost_publishers import LostPublishers

WATCH_PERIOD_S = 1.0
# a master on a computer that was switched off never answers, and says nothing either
ANSWER_TIMEOUT_S = 5.0
# no connection, none in time, a connection that ended within a head or within a body, a refusal
AWAY_ERRORS = (OSError, HTTPException, ExpatError, XmlRpcError, rosgraph.MasterException)
logger = logging.getLogger(__name__)


class MasterWatch:
    """Looks every second whether the master knows this node; a thread of its own, which ends with the node.

    `values` returns the node's private parameters as they are now.
    """

    def __init__(self, values: Callable[[], dict[str, Any]], period_s: float = WATCH_PERIOD_S) -> None:
        self._values = values
        self._period_s = period_s
        self._is_away = False
        # a master that knows the node's name may not know all its topics, when its registration was cut short
        self._is_half_known = False
        self._lost_publishers = LostPublishers()

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
        try:
            master = rosgraph.Master(rospy.get_name())
            master.handle = ServerProxy(master.master_uri, transport=ImpatientTransport())
            if not self._is_half_known and _is_known(master):
                self._is_away = False
                self._lost_publishers.look(master, _own_api())
                return
            self._is_half_known = True
            _set_params(master, self._values())
            _register(master)
        except AWAY_ERRORS as error:
            if not self._is_away:
                logger.warning("no answer from the master (%s); what is connected goes on", error)
            self._is_away = True
            return
        self._is_away = self._is_half_known = False
        rospy.logwarn("the master was started again, and knows this node again now")


class ImpatientTransport(Transport):
    """XML-RPC that gives up after ANSWER_TIMEOUT_S."""

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> HTTPConnection:
        """As Transport has it, with a timeout."""
        connection = super().make_connection(host)
        connection.timeout = ANSWER_TIMEOUT_S
        return connection


def _is_known(master: rosgraph.Master) -> bool:
    """Whether the master has this node; raises OSError when there is no master."""
    try:
        return bool(master.lookupNode(rospy.get_name()))
    except rosgraph.MasterError:
        return False


def _set_params(master: rosgraph.Master, values: dict[str, Any]) -> None:
    """Set the private parameters where there are none; what somebody set on the new master is left alone."""
    if not master.hasParam(rospy.get_name()):
        master.setParam(rospy.get_name(), values)


def _register(master: rosgraph.Master) -> None:
    """Register all services and topics of this node at the master, and introduce the publishers there to this node."""
    uri, name, node = rospy.get_node_uri(), rospy.get_name(), _own_api()
    for service_name, service_uri in get_service_manager().get_services():
        master.registerService(service_name, service_uri, uri)
    for topic, kind in node.getPublications(name)[2]:
        master.registerPublisher(topic, kind, uri)
    for topic, kind in node.getSubscriptions(name)[2]:
        node.publisherUpdate("/master", topic, master.registerSubscriber(topic, kind, uri))


def _own_api() -> Any:
    """This node's own slave API: it knows its topics, and takes news of publishers as from any master."""
    return ServerProxy(rospy.get_node_uri(), transport=ImpatientTransport())
