"""Where whoever sits at the shell asks for records to be read again."""

from collections.abc import Sequence

from common import clock, config
from common.flows import reread
from common.mapping import Mapping
from common.ports import Topic


def topic(env: config.Environment) -> Topic:
    """The topic of changes from Salesforce."""
    from common.pubsub.topic import PubsubTopic  # late: the other commands need no Pub/Sub

    return PubsubTopic(config.topics(env).salesforce_changes)


def ask(mapping: Mapping, sfids: Sequence[str], env: config.Environment) -> None:
    """Ask upsert_postgres to read them, deleted ones included, some seconds from now. Returns once that is confirmed."""
    if sfids:
        reread.ask(mapping, sfids, topic(env), clock.now())
