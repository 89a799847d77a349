"""Through PgBouncer in transaction mode: sessions are shared, and nobody notices."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common import config
from common.errors import Misconfigured
from common.postgres.connect import Database
from common.postgres.listen import Listener
from tests.integration.accounts import TABLE, another, at_the_same_time, captured, map_table, run
from tests.stack import pgbouncer
from tests.stack.postgres import Postgres

THREADS, TRANSACTIONS = 12, 100

pytestmark = pytest.mark.skipif(bool(pgbouncer.why_not()), reason=pgbouncer.why_not())


@pytest.fixture
def pooled(settings: config.Database, postgres_server: Postgres) -> Iterator[config.Database]:
    """The test's database through a pooler of this test's own, with four server connections."""
    with tempfile.TemporaryDirectory(prefix="isthmus-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        with pgbouncer.running(Path(folder), postgres_server.port) as port:
            yield replace(settings, target=replace(settings.direct, port=port))


def test_threads_share_servers_and_see_their_own_answers_only(pooled: config.Database) -> None:
    """Twelve threads over four servers: every answer is one's own, no marker is seen by who did not set it."""
    with another(pooled) as database:
        map_table(database)

    def work(number: int) -> tuple[list[str], set[int]]:
        wrong: list[str] = []
        servers: set[int] = set()
        with Database(pooled) as own:
            for turn in range(TRANSACTIONS):
                key = f"{number}-{turn}"
                wrong += _transact(own, key, ours=turn % 3 == 0, servers=servers)
        return wrong, servers

    results = at_the_same_time(*[lambda number=number: work(number) for number in range(THREADS)])  # type: ignore[misc]

    assert [] == [wrong for found, _ in results for wrong in found]
    assert 1 < len(set().union(*(servers for _, servers in results))) <= pgbouncer.POOL
    with another(pooled) as database:
        silent = sum(1 for turn in range(TRANSACTIONS) if turn % 3 == 0)
        assert [[THREADS * TRANSACTIONS]] == run(database, f"SELECT count(*) FROM {TABLE}")
        assert THREADS * (TRANSACTIONS - silent) == len(captured(database))
        ours = "SELECT count(*) FROM isthmus.change_log WHERE split_part(record_id, '-', 2)::int % 3 = 0"
        assert [[0]] == run(database, ours)


def _transact(own: Database, key: str, *, ours: bool, servers: set[int]) -> list[str]:
    """One transaction, in several round trips or in one; what was wrong with it."""
    if ours:
        rows = own.at_once(
            f"SET LOCAL isthmus.origin = '{TABLE}';\nINSERT INTO {TABLE} (id) VALUES ('{key}');\n"
            f"SELECT '{key}'::text, current_setting('isthmus.origin'), pg_backend_pid()"
        )
        expected = [key, TABLE]
    else:
        with own.transaction() as tx:
            before = tx.run("SELECT coalesce(current_setting('isthmus.origin', true), '')")
            tx.run(f"INSERT INTO {TABLE} (id) VALUES (:key)", key=key)
            rows = tx.run("SELECT :key ::text, :marker ::text, pg_backend_pid()", key=key, marker=before[0][0])
        expected = [key, ""]
    servers.add(rows[0][2])
    return [] if rows[0][:2] == expected else [f"{expected} became {rows[0][:2]}"]


def test_a_failed_transaction_leaves_its_server_clean(pooled: config.Database) -> None:
    """An error within a transaction is nobody else's."""
    with another(pooled) as one, another(pooled) as two:
        for _ in range(pgbouncer.POOL * 2):
            with pytest.raises(Exception, match="division"):
                one.at_once("SELECT 1 / 0")
            assert [[1]] == run(two, "SELECT 1")


def test_the_pooler_was_restarted(settings: config.Database, postgres_server: Postgres) -> None:
    """A connection to a pooler that went away heals as one to Postgres does."""
    with tempfile.TemporaryDirectory(prefix="isthmus-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        with pgbouncer.running(Path(folder), postgres_server.port) as port:
            own = Database(replace(settings, target=replace(settings.direct, port=port)))
            before = run(own, "SELECT 1")
        with pgbouncer.running(Path(folder), postgres_server.port, port=port):
            after = run(own, "SELECT 1")
            own.close()

    assert [[1]] == before == after


def test_nobody_listens_through_it(pooled: config.Database) -> None:
    """It takes LISTEN and delivers nothing: said at once, and not found out by edits that nobody hears of."""
    through = replace(pooled, direct=pooled.target)

    with pytest.raises(Misconfigured) as caught:
        Listener(through)

    assert "listen_refused" == caught.value.reason
    assert "Set DATABASE_DIRECT_URL" in caught.value.hint


def test_past_it_every_commit_is_heard(pooled: config.Database) -> None:
    """Work goes through the pooler, the listener past it."""
    with another(pooled) as database, Listener(pooled) as listener:
        map_table(database)
        run(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")

        assert listener.wait(10)
