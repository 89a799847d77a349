"""Topic `work`: published with its kind beside it, read by those who can do it."""

from common import work
from common.pubsub.push import Delivery
from common.pubsub.topic import PubsubTopic
from common.work import Work

PATH = "work"  #: where a door that reads other messages too gets its work: push endpoint `<door>/work`


class WorkTopic:
    """Publishes work; confirmed before it returns."""

    def __init__(self, topic: PubsubTopic) -> None:
        self._topic = topic

    def publish(self, *pieces: Work, trace: str = "") -> None:
        """Ask for work, each piece in a message of its own.

        Raises:
            Transient: perhaps none, perhaps some were published; publish all of them again.
            Misconfigured: the topic does not exist, or we may not publish to it.
        """
        for piece in pieces:
            self._topic.publish_raw([work.encode(piece)], work.attributes(piece, trace))


def read(delivery: Delivery, *kinds: str) -> Work | None:
    """The work of a push, or None where it is of a kind that another door does: acknowledge that one.

    Subscriptions filter by kind, but Google's emulator delivers every kind to every reader.

    Raises:
        Transient: a newer release wrote it.
        Terminal: it is no message of ours.
    """
    if delivery.attributes.get(work.KIND, "") not in ("", *kinds):
        return None
    if not delivery.data and delivery.attributes.get(work.KIND):
        return Work(delivery.attributes[work.KIND])  # as an application may nudge: the attribute says it all
    piece = work.decode(delivery.data)
    return piece if piece.kind in kinds else None
