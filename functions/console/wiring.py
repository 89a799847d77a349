"""The console, put together from its settings. A module of its own: FastAPI takes half a second to load, and whoever asks
whether the door is there needs none of it.
"""

import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from common import bookmark, clock, config
from common.bookmarks import shelf
from common.console.access import Access
from common.console.app import Console
from common.console.watch import Watch
from common.console.world import World
from common.flows import dead_letters, refill
from common.flows.backfill_orders import Orders
from common.flows.mapper import Mapper
from common.flows.reread import decide_deletions
from common.mapping import Mapping
from common.postgres.backfills import BackfillTable
from common.postgres.connect import Database
from common.postgres.desk import rooms
from common.postgres.refills import PostgresRefills
from common.postgres.registry import Registry
from common.pubsub.topic import PubsubTopic
from common.pubsub.work import WorkTopic
from common.salesforce.catalogue import Catalogue
from common.salesforce.events import topics as channels
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from common.scheduler.jobs import Jobs

FILL_SECONDS = 20.0  #: for which a person waits; what is left goes on at the shell


def application(settings: config.Console, page: Path) -> Console:
    """The rooms of one deployment behind the API.

    Args:
        page: The built page's folder.
    """
    database, session = Database(settings.database), Session(settings.salesforce)
    desk = rooms(database, clock.now)
    catalogue = Catalogue(session, settings.salesforce.external_id_field)
    topic = cache(lambda short: PubsubTopic(settings.topics.full(short)))
    replay = dead_letters.Replay(topic, desk.letters.reopen, desk.book.of_object)

    def tell_pullers(mapped: Sequence[Mapping]) -> None:
        if settings.pull_state:
            bookmark.store_channels(shelf(settings.pull_state), channels.of_mappings(mapped))

    def fill_joined_fields() -> None:
        began = time.monotonic()
        filling = refill.World(
            PostgresRefills(database), SalesforceOrg(session), topic("salesforce-changes"), clock.now
        )
        refill.run(filling, lambda: time.monotonic() - began < FILL_SECONDS)

    return Console(
        World(
            access=Access(settings.sign_in, clock.now),
            now=clock.now,
            mapper=Mapper(catalogue, Registry(database), tell_pullers, fill_joined_fields),
            catalogue=catalogue,
            rooms=desk,
            replay=partial(dead_letters.replay_each, world=replay, close=desk.letters.close_replayed),
            decide_deletions=lambda mapping, road, allowed, decision: decide_deletions(
                desk.held, mapping, road, allowed, topic("salesforce-changes"), decision
            ),
            backfills=Orders(desk.book, BackfillTable(database), WorkTopic(PubsubTopic(settings.topics.work))),
            schedules=Jobs(settings.waking.job, host=settings.waking.host) if settings.waking.job else None,
            watch=Watch(desk.overview.mark),
            page=page,
        )
    )
