# SPDX-License-Identifier: BSD-3-Clause
"""Connects again to publishers that rospy lost: it tries less and less often, and is told of none a second time.

A driver that withdraws a topic and offers it again keeps its address. Where that is quicker than the end of the old
connection is noticed, the news of it is taken for old; where it is slower, rospy's next try is up to 32 s away.
"""

from __future__ import annotations

import logging
from typing import Any
from xmlrpc.client import ServerProxy

import rosgraph
from rospy.impl.registration import get_topic_manager

logger = logging.getLogger(__name__)


class LostPublishers:
    """Those that the master has, and this node subscribes to, but no connection reaches; of all topics of the node."""

    def __init__(self) -> None:
        self._missing: set[tuple[str, str]] = set()

    def look(self, master: rosgraph.Master, node: ServerProxy) -> None:
        """Introduce those again that were missing at the last look, too; node: this node's own slave API.

        Raises what a master does that is away.
        """
        missing = _missing(master)
        for topic, uri in sorted(missing & self._missing):
            logger.warning("%s: connecting again to the publisher at %s", topic, uri)
            for connection in _connections(topic):
                if connection.endpoint_id == uri and connection.socket is None:
                    connection.close()
            node.publisherUpdate("/master", topic, [uri])
        self._missing = missing


def _missing(master: rosgraph.Master) -> set[tuple[str, str]]:
    """(topic, address) of publishers without a connection; asked of the master only when a topic has none."""
    alive = {topic: _alive(topic) for topic, _ in get_topic_manager().get_subscriptions()}
    if all(alive.values()):
        return set()
    publishers = {topic: names for topic, names in master.getSystemState()[0] if topic in alive}
    addresses = {name: _address(master, name) for names in publishers.values() for name in names}
    found = ((topic, addresses[name]) for topic, names in publishers.items() for name in names)
    return {(topic, uri) for topic, uri in found if uri and uri not in alive[topic]}


def _alive(topic: str) -> set[str]:
    return {one.endpoint_id for one in _connections(topic) if one.socket is not None and not one.done}


def _connections(topic: str) -> list[Any]:
    subscriber = get_topic_manager().get_subscriber_impl(topic)
    return list(subscriber.connections) if subscriber is not None else []


def _address(master: rosgraph.Master, node: str) -> str:
    """That of a node's slave API; "" where it ended meanwhile."""
    try:
        return str(master.lookupNode(node))
    except rosgraph.MasterError:
        return ""
