"""Records that are to be read from Salesforce again, so that both sides are equal."""

from collections.abc import Sequence
from datetime import timedelta

from common import clock, config
from common.flows import to_postgres
from common.mapping import Mapping

AFTER = timedelta(seconds=15)  #: by then the transaction of whoever asks has ended


def ask(mapping: Mapping, sfids: Sequence[str], env: config.Environment) -> None:
    """Ask upsert_postgres to read them, deleted ones included, some seconds from now. Returns once that is confirmed."""
    from common.pubsub.topic import PubsubTopic  # late: the other commands need no Pub/Sub

    if not sfids:
        return
    now = clock.now()
    topic = PubsubTopic(config.topics(env).salesforce_changes)
    topic.publish(
        [to_postgres.look_later(mapping, i, now + AFTER, f"reread/{i}/{now.isoformat()}") for i in dict.fromkeys(sfids)]
    )
