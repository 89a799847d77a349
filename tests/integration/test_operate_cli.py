"""The command line on failures, conflicts, held deletions and pauses: what people decide, and what becomes of it."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from common.change import Change
from common.flows import to_postgres
from common.flows.drain import merge
from common.mapping import Mapping, Policy
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.postgres.table import PostgresTable
from common.pubsub.topic import PubsubTopic
from functions.cli.main import main
from tests.fakes.org import FakeOrg
from tests.integration.accounts import FIELDS, TABLE, insert, log, map_table, record, row, rows, run, silently
from tests.integration.arrivals import SEEN, SOON
from tests.integration.claiming import Hand, claim_and_take, failed, sent, the, waits

Isthmus = Callable[..., str]


@pytest.fixture
def isthmus(database_environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Iterator[Isthmus]:
    """The command line; what it printed. A refusal is raised as SystemExit."""

    def run_it(*arguments: str) -> str:
        capsys.readouterr()
        main(list(arguments))
        return capsys.readouterr().out

    with mock.patch.dict(os.environ, database_environment | {"ISTHMUS_USER": "kim", "GOOGLE_CLOUD_PROJECT": "p"}):
        yield run_it


@pytest.fixture
def published() -> Iterator[list[Change]]:
    """What was published to a topic."""
    held: list[Change] = []
    with mock.patch.object(PubsubTopic, "publish", lambda self, changes, trace="": held.extend(changes)):
        yield held


def fail(database: Database, change_log: ChangeLog, *keys: str) -> None:
    """Rows whose edit Salesforce refuses."""
    for n, key in enumerate(keys):
        insert(database, key, n + 1, name="이전")
        run(database, f"UPDATE {TABLE} SET name = '새 이름' WHERE id = :key", key=key)
    change_log.settle(the(change_log), [failed(o) for o in claim_and_take(change_log)])


def letters(database: Database) -> list[str]:
    return [r["state"] for r in rows(database, "SELECT state::text FROM isthmus.dead_letter ORDER BY id")]


def states(database: Database) -> list[str]:
    return [e["state"] for e in log(database)]


# -- failures -------------------------------------------------------------------------------------


def test_failures_are_listed_in_salesforces_own_words(
    isthmus: Isthmus, database: Database, change_log: ChangeLog
) -> None:
    """One line a record, with reason, words and hint; filters narrow it down; programs get JSON."""
    fail(database, change_log, "a", "b")
    run(database, f"UPDATE {TABLE} SET name = 'again' WHERE id = 'b'")

    lines = isthmus("failures", "list").splitlines()
    told = json.loads(isthmus("failures", "list", "--object", "account", "--record", "b", "--json"))

    assert 3 == len(lines)
    assert all(word in lines[1] for word in ("Account", "update", "refused_there", "BAD_VALUE: no", "Mend it.", " no"))
    assert lines[2].endswith("yes")
    ((one),) = told
    assert ("b", "refused_there", "BAD_VALUE: no", True) == tuple(
        one[n] for n in ("record", "reason", "detail", "edited_again")
    )
    assert "none" in isthmus("failures", "list", "--reason", "other")


def test_a_failure_is_shown_with_its_values(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    fail(database, change_log, "a")

    said = isthmus("failures", "show", "Account", "a")

    assert all(word in said for word in ("이전", "새 이름", "reason: refused_there", "hint: Mend it."))


def test_a_retry_opens_the_edits_and_heals_the_letter(
    isthmus: Isthmus, database: Database, change_log: ChangeLog
) -> None:
    """In their order; one that was edited again goes with the later value; a new failure has a new letter."""
    fail(database, change_log, "a")
    run(database, f"UPDATE {TABLE} SET phone = 'later'")

    said = isthmus("failures", "retry", "--record", "a")
    (claimed,) = change_log.claim(10, merge).changes
    change_log.settle(the(change_log), [failed(o) for o in change_log.take([claimed])])

    assert ("1 edits of 1 records" in said, "edited again" in said) == (True, True)
    assert {"Name": "새 이름", "Phone": "later"} == dict(claimed.fields)
    assert (["failed", "failed"], ["replayed", "kept"]) == (states(database), letters(database))


def test_a_retry_that_arrives_leaves_nothing_behind(
    isthmus: Isthmus, database: Database, change_log: ChangeLog
) -> None:
    fail(database, change_log, "a")
    isthmus("failures", "retry", "--all")

    change_log.settle(the(change_log), [sent(o) for o in claim_and_take(change_log)])

    assert (["done"], ["replayed"], "none\n") == (states(database), letters(database), isthmus("failures", "list"))


def test_what_is_ignored_never_goes(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    """Settled for good, with who and why; its letter is discarded; the next edit of the row goes alone."""
    fail(database, change_log, "a")

    isthmus("failures", "ignore", "--record", "a", "--why", "test data")
    run(database, f"UPDATE {TABLE} SET phone = 'next'")
    (claimed,) = change_log.claim(10, merge).changes

    ((entry), _) = log(database)
    assert ("ignored", "kim", "test data", True) == (
        entry["state"], entry["decided_by"], entry["decided_why"], entry["processed"],
    )  # fmt: skip
    assert (["discarded"], {"Phone": "next"}) == (letters(database), dict(claimed.fields))


def test_an_ignored_edit_can_be_taken_back_here(
    isthmus: Isthmus, database: Database, change_log: ChangeLog, published: list[Change]
) -> None:
    """--reread: the row becomes what Salesforce has."""
    fail(database, change_log, "a")

    isthmus("failures", "ignore", "--all", "--reread")

    assert [(record(1).record_id, True, {})] == [(c.record_id, c.buried, c.fields) for c in published]


def test_many_are_not_decided_without_asking(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    """One just goes; several want --yes where nobody can be asked; nothing at all is refused."""
    fail(database, change_log, "a", "b")

    with pytest.raises(SystemExit, match=r"not_confirmed.*2 records.*--yes"):
        isthmus("failures", "ignore", "--object", "Account")
    with pytest.raises(SystemExit, match="nothing_chosen"):
        isthmus("failures", "retry")
    with pytest.raises(SystemExit, match=r"nothing_failed.*zzz"):
        isthmus("failures", "retry", "--record", "zzz")
    assert ["failed", "failed"] == states(database)

    isthmus("failures", "retry", "--reason", "refused_there", "--yes")

    assert ["new", "new"] == states(database)


def test_discarding_a_letter_gives_its_edits_up(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    """Letters and log tell one truth, whichever a person begins with."""
    fail(database, change_log, "a", "b")
    (first, _) = [r["id"] for r in rows(database, "SELECT id FROM isthmus.dead_letter ORDER BY record_id")]

    said = isthmus("dead-letters", "discard", str(first))

    assert "1 failed edits" in said
    assert ["b"] == [f["record"] for f in json.loads(isthmus("failures", "list", "--json"))]


def test_a_second_failure_takes_the_first_letters_place(database: Database, change_log: ChangeLog) -> None:
    """A later edit took the failed one along and was refused too: one record, one letter."""
    fail(database, change_log, "a")
    run(database, f"UPDATE {TABLE} SET name = 'still bad'")

    change_log.settle(the(change_log), [failed(o) for o in claim_and_take(change_log)])

    assert ["replayed", "kept"] == letters(database)


# -- conflicts ------------------------------------------------------------------------------------


def quarrel(database: Database, policy: Policy) -> Mapping:
    """Both sides wrote name and number; the policy has decided."""
    mapping = map_table(database, policy=policy)
    insert(database, "a", 1, name="옛", number_of_employees=1, **SEEN)
    run(database, f"UPDATE {TABLE} SET name = '우리', number_of_employees = 2")
    PostgresTable(database).apply(mapping, [record(Name="그들", NumberOfEmployees="3.0", stamp=SOON)])
    return mapping


def test_conflicts_show_all_three_values(isthmus: Isthmus, database: Database) -> None:
    """In columns that stand under each other, Korean included."""
    quarrel(database, Policy.SALESFORCE_WINS)

    head, *lines = isthmus("conflicts", "list").splitlines()
    (name,) = (line for line in lines if "Name" in line)

    assert [
        "id",
        "object",
        "record",
        "field",
        "old",
        "postgres",
        "salesforce",
        "winner",
        "policy",
        "since",
    ] == head.split()
    assert ["Account", "a", "Name", "옛", "우리", "그들", "salesforce", "salesforce_wins"] == name.split()[1:-2]
    wide = sum(c in "옛우리그들" for c in name[: name.index("salesforce_wins")])
    assert head.index("policy") == name.index("salesforce_wins") + wide


def test_taking_the_losing_value_makes_an_edit(isthmus: Isthmus, database: Database) -> None:
    """Salesforce won; a person lets ours stand after all: it is written, captured, and travels."""
    quarrel(database, Policy.SALESFORCE_WINS)

    said = isthmus("conflicts", "resolve", "--object", "Account", "--take", "postgres", "--yes", "--why", "phoned them")

    here = row(database, "a") or {}
    assert ("우리", 2) == (here["name"], here["number_of_employees"])
    assert {"name": "우리", "number_of_employees": 2} == {
        k: v for e in log(database) for k, v in (e["new_data"] or {}).items()
    }
    assert "travels" in said
    assert "none" in isthmus("conflicts", "list")
    settled = json.loads(isthmus("conflicts", "list", "--state", "settled", "--json"))
    assert [("postgres", "kim", "phoned them")] * 2 == [
        (k["taken"], k["settled_by"], k["settled_why"]) for k in settled
    ]


def test_taking_the_winning_value_only_settles(isthmus: Isthmus, database: Database) -> None:
    quarrel(database, Policy.SALESFORCE_WINS)
    before = len(log(database))
    number = json.loads(isthmus("conflicts", "list", "--json"))[0]["id"]

    isthmus("conflicts", "resolve", str(number), "--take", "salesforce")

    assert before == len(log(database))
    assert 1 == len(json.loads(isthmus("conflicts", "list", "--json")))
    assert "taken: salesforce" in isthmus("conflicts", "show", str(number))


def test_salesforces_value_overrides_ours(isthmus: Isthmus, database: Database) -> None:
    """Ours won, and may be on its way already: Salesforce's value is written here, and follows it."""
    quarrel(database, Policy.POSTGRES_WINS)

    isthmus("conflicts", "resolve", "--record", "a", "--take", "salesforce", "--yes")

    here = row(database, "a") or {}
    assert ("그들", 3) == (here["name"], here["number_of_employees"])
    assert "그들" == [e["new_data"]["name"] for e in log(database) if "name" in (e["new_data"] or {})][-1]


def test_a_row_that_moved_on_is_not_overwritten(isthmus: Isthmus, database: Database) -> None:
    """Somebody has edited it since: their value stays, and the conflict stays open; what can be resolved is."""
    quarrel(database, Policy.SALESFORCE_WINS)
    run(database, f"UPDATE {TABLE} SET name = 'newer'")

    with pytest.raises(SystemExit, match="1 of 2"):
        isthmus("conflicts", "resolve", "--record", "a", "--take", "postgres", "--yes")

    assert ("newer", 2) == tuple((row(database, "a") or {})[c] for c in ("name", "number_of_employees"))
    assert ["Name"] == [k["field"] for k in json.loads(isthmus("conflicts", "list", "--json"))]


def test_a_deletion_can_be_made_good(isthmus: Isthmus, database: Database) -> None:
    """Ours stood against Salesforce's deletion; a person lets the deletion stand: the row goes."""
    insert_deletion_conflict(database, winner="postgres")

    isthmus("conflicts", "resolve", "--record", "a", "--take", "salesforce")

    assert None is row(database, "a")


def test_a_deleted_row_cannot_be_conjured_up(isthmus: Isthmus, database: Database) -> None:
    """It is undeleted where it was deleted; the sentence says so."""
    insert_deletion_conflict(database, winner="salesforce")
    run(database, f"DELETE FROM {TABLE}")

    with pytest.raises(SystemExit, match="1 of 1"):
        isthmus("conflicts", "resolve", "--record", "a", "--take", "postgres")


def insert_deletion_conflict(database: Database, *, winner: str) -> None:
    mapping = map_table(database)
    insert(database, "a", 1)
    run(
        database, "INSERT INTO isthmus.conflict (sync_config_id, record_id, field, old_value, postgres_value, "
        "salesforce_value, winner, policy) VALUES (:id, 'a', 'IsDeleted', 'false', 'false', 'true', :winner, "
        "'last_writer_wins')", id=mapping.id, winner=winner,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["conflicts", "show", "7"], "no conflict 7"),
        (["conflicts", "resolve", "--take", "postgres"], "nothing_chosen"),
        (["conflicts", "resolve", "7", "--take", "postgres"], "no conflict 7"),
        (["conflicts", "resolve", "--object", "Account", "--take", "postgres"], "no open conflict of Account"),
        (["deletes", "allow", "Nope"], "Nope is not mapped"),
        (["deletes", "refuse", "Account"], "no deletion of Account is held"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_sentence(
    isthmus: Isthmus, account: Mapping, arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit, match=words):
        isthmus(*arguments)


# -- held deletions -------------------------------------------------------------------------------


def test_refused_deletions_bring_the_rows_back(
    isthmus: Isthmus, database: Database, change_log: ChangeLog, clock: Hand, published: list[Change]
) -> None:
    """The records are read, and their rows stand under their keys again, as Salesforce has them."""
    org = FakeOrg(clock)
    with silently(database) as tx:
        for n in range(5):
            blank = {f.name: None for f in FIELDS}
            sfid = org.create(blank | {"Name": f"name {n}", "External_Id__c": None})
            tx.run(f"INSERT INTO {TABLE} (id, sfid, name) VALUES (:id, :sfid, 'x')", id=f"k{n}", sfid=sfid)
    run(database, "UPDATE isthmus.sync_configurations SET delete_guard_count = 2")
    run(database, f"DELETE FROM {TABLE} WHERE id < 'k4'")
    change_log.claim(10, merge)

    listed = isthmus("deletes", "list"), isthmus("deletes", "list", "Account"), isthmus("status")
    said = isthmus("deletes", "refuse", "Account", "--yes")
    clock.move(60)
    world = to_postgres.World(
        MappingBook(database), PostgresTable(database, clock), org, DeadLetters(database), mock.Mock(), clock
    )
    early = {o.reason for o in to_postgres.apply(published, bend(world, clock() - timedelta(seconds=60)))}
    to_postgres.apply(published, world)

    assert ("Account" in listed[0], "k3" in listed[1], "4 deletions" in said) == (True, True, True)
    assert "held_deletions" in listed[2]
    assert {"too_early"} == early
    back = rows(database, f"SELECT id, name FROM {TABLE} ORDER BY id")
    assert [(f"k{n}", f"name {n}" if n < 4 else "x") for n in range(5)] == [(r["id"], r["name"]) for r in back]


def bend(world: to_postgres.World, now: datetime) -> to_postgres.World:
    return to_postgres.World(
        world.mappings, world.table, world.org, world.graveyard, world.topic, lambda: now
    )  # fmt: skip


def test_allowed_deletions_go(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    run(database, "UPDATE isthmus.sync_configurations SET delete_guard_count = 0")
    insert(database, "a", 1)
    run(database, f"DELETE FROM {TABLE}")
    change_log.claim(10, merge)

    with pytest.raises(SystemExit, match="not_confirmed"):
        isthmus("deletes", "allow", "Account")
    said = isthmus("deletes", "allow", "account", "--yes", "--why", "they left")

    assert ("1 deletions" in said, 1) == (True, len(change_log.claim(10, merge).changes))


# -- pauses ---------------------------------------------------------------------------------------


def test_everything_is_paused_and_status_says_why(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    """By whom, since when and why; resuming says what is still paused for itself."""
    run(database, f"INSERT INTO {TABLE} (id) VALUES ('a')")
    isthmus("mapping", "pause", "Account", "--why", "new fields come")
    isthmus("pause", "--why", "org maintenance")

    told, machine = isthmus("status"), json.loads(isthmus("status", "--json"))
    noted = isthmus("mapping", "resume", "Account")
    change_log._mappings.refresh()
    held = change_log.claim(10, merge).records
    isthmus("mapping", "pause", "Account")
    still = isthmus("resume")
    isthmus("mapping", "resume", "Account")
    change_log._mappings.refresh()

    assert ("EVERYTHING IS PAUSED" in told, "by kim: org maintenance" in told) == (True, True)
    assert "kim: new fields come" in told
    assert "org maintenance" == machine["paused"]["paused_why"]
    assert ("`isthmus resume`" in noted, 0) == (True, held)
    assert "still paused for themselves: Account" in still
    assert 1 == change_log.claim(10, merge).records


def test_status_counts_what_waits_for_people(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    fail(database, change_log, "a", "b")

    (one,) = json.loads(isthmus("status", "--json"))["mappings"]

    expected: dict[str, Any] = {"failed": 2, "held_deletions": 0, "conflicts": 0, "dead_letters": 2, "waiting": 0}
    assert expected == {name: one[name] for name in expected}


def test_resume_lets_go_what_waited_for_api_calls(isthmus: Isthmus, database: Database, change_log: ChangeLog) -> None:
    """A limit that was raised need not be waited for: its edits are due, others keep their time, the org is asked anew."""
    run(database, f"INSERT INTO {TABLE} (id, name) VALUES ('a', '가'), ('b', '나')")
    for owed, reason in zip(claim_and_take(change_log), ("api_closed", "unable_to_lock_row"), strict=True):
        change_log.settle(the(change_log), [waits(owed, SOON + timedelta(hours=1))])
        key = owed.change.record_id
        run(
            database, "UPDATE isthmus.change_log SET last_error = :why || ': x' WHERE record_id = :k", why=reason, k=key
        )
    run(database, "UPDATE isthmus.change_log SET next_attempt_at = now() + interval '1 hour'")
    run(database, "UPDATE isthmus.api_limit SET used = 9, allowed = 9, closed_until = now() + interval '1 hour'")

    said = isthmus("resume")

    assert "1 edits waited for API calls" in said
    due = "SELECT split_part(last_error, ':', 1) FROM isthmus.change_log WHERE next_attempt_at <= now()"
    assert [["api_closed"]] == run(database, due)
    assert [[None, None, None]] == run(database, "SELECT used, allowed, closed_until FROM isthmus.api_limit")
