"""Dead letters from burial to replay, with the command line, a real Postgres and the local broker."""

import json
import os
from collections.abc import Callable, Iterator
from unittest import mock

import pytest

from common import codec
from common.change import Change, Ending, Op, Outcome, Side
from common.errors import Terminal, Transient
from common.flows import drain, to_postgres
from common.mapping import Mapping
from common.ports import Settled
from common.postgres.change_log import ChangeLog
from common.postgres.connect import Database
from common.postgres.dead_letters import DeadLetters
from common.postgres.mappings import MappingBook
from common.pubsub import push
from functions.cli.main import main
from tests.fakes.factories import a_change
from tests.integration.accounts import TABLE, insert, log, map_table, record, run, sfid
from tests.stack.broker.client import Client
from tests.stack.broker.process import BrokerProcess

PROJECT = "isthmus-test"
Isthmus = Callable[..., str]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    client = Client(process.host)
    for short in ("salesforce-changes", "postgres-changes"):
        client.publisher.create_topic(name=f"projects/{PROJECT}/topics/{short}")
    client.close()
    yield process
    process.stop()


@pytest.fixture
def client(broker: BrokerProcess) -> Iterator[Client]:
    client = Client(broker.host)
    yield client
    client.close()


@pytest.fixture
def account(database: Database) -> Mapping:
    return map_table(database)


@pytest.fixture
def letters(database: Database, account: Mapping) -> DeadLetters:
    return DeadLetters(database)


@pytest.fixture
def isthmus(
    database_environment: dict[str, str], broker: BrokerProcess, capsys: pytest.CaptureFixture[str]
) -> Iterator[Isthmus]:
    """The command line; what it printed. A refusal is raised as SystemExit."""
    environment = database_environment | {"PUBSUB_EMULATOR_HOST": broker.host, "GOOGLE_CLOUD_PROJECT": PROJECT}

    def run_it(*arguments: str) -> str:
        capsys.readouterr()
        main(list(arguments))
        return capsys.readouterr().out

    with mock.patch.dict(os.environ, environment):
        yield run_it


def failure(change: Change, reason: str = "value_refused") -> Outcome:
    return Outcome(change, Ending.FAILED, reason, f"What to do about {reason}.", "their own words")


def bury_one(letters: DeadLetters, change: Change, reason: str = "value_refused") -> int:
    letters.bury(to_postgres.TOPIC, [failure(change, reason)])
    return int(letters.newest()[0]["id"])


def states(letters: DeadLetters, *ids: int) -> list[str]:
    return [letter["state"] for letter in letters.find(ids)]


# -- burying -------------------------------------------------------------------------------------


def test_a_letter_keeps_the_change_and_its_reason(letters: DeadLetters) -> None:
    """Everything a person needs, and the change itself, value for value."""
    change = record(Name="한강 🚢", AnnualRevenue="0.10", Active__c=True)

    number = bury_one(letters, change)

    (letter,) = letters.find([number])
    assert ("salesforce-changes", "Account", sfid(1), "value_refused", "their own words", 1, "kept") == tuple(
        letter[n] for n in ("topic", "sobject", "record_id", "reason", "detail", "attempts", "state")
    )
    assert [change] == codec.decode(json.dumps(letter["payload"]["message"]).encode())


def test_the_same_event_twice_is_one_letter(letters: DeadLetters) -> None:
    """A redelivery counts as one more attempt; in one batch it counts once; a decided letter is open again."""
    number = bury_one(letters, record())
    letters.close([number], "discarded")
    letters.bury(to_postgres.TOPIC, [failure(record(), "constraint"), failure(record(), "constraint")])

    (letter,) = letters.newest()
    assert (number, 2, "constraint", "kept") == tuple(letter[n] for n in ("id", "attempts", "reason", "state"))


def test_one_event_may_fail_on_both_roads(letters: DeadLetters) -> None:
    """The topic is part of a letter's name."""
    letters.bury("salesforce-changes", [failure(record())])
    letters.bury("postgres-changes", [failure(record())])

    assert 2 == len(letters.newest())


def test_a_mass_grave_is_refused(database: Database, letters: DeadLetters) -> None:
    """Past the limit of one reason in a minute nothing is buried: the message is not acknowledged, and waits."""
    small = DeadLetters(database, limit=3)
    small.bury(to_postgres.TOPIC, [failure(record(n)) for n in range(3)])

    def handle(_: push.Delivery) -> list[Outcome]:
        small.bury(to_postgres.TOPIC, [failure(record(9))])
        return []

    with pytest.raises(Transient, match="burial_limit"):
        small.bury(to_postgres.TOPIC, [failure(record(8))])
    body = {"message": {"data": "", "messageId": "1"}}
    status = push.answer("test", body, handle=handle, bury=lambda *_: None)[1]
    small.bury(to_postgres.TOPIC, [failure(record(8), "another_reason")])

    assert push.NACK == status
    assert 4 == len(letters.newest())


def test_the_limit_forgets(database: Database, letters: DeadLetters) -> None:
    """A minute later burials go on."""
    small = DeadLetters(database, limit=1)
    small.bury(to_postgres.TOPIC, [failure(record(1))])
    run(database, "UPDATE isthmus.dead_letter SET updated_at = updated_at - interval '61 seconds'")

    small.bury(to_postgres.TOPIC, [failure(record(2))])

    assert 2 == len(letters.newest())


def test_unreadable_messages_are_limited_too(letters: DeadLetters, database: Database) -> None:
    """A release of ours that cannot read its own messages does not empty the topic into the graveyard."""
    small = DeadLetters(database, limit=2)
    broken = Terminal("message_unreadable", "?", "Look at it.")
    for n in range(2):
        small.bury_bytes(to_postgres.TOPIC, f"m{n}", b"?", broken)

    with pytest.raises(Transient, match="burial_limit"):
        small.bury_bytes(to_postgres.TOPIC, "m2", b"?", broken)

    assert 2 == len(letters.newest())


def test_any_value_can_be_buried(letters: DeadLetters) -> None:
    """A NUL character is refused by every column, and by jsonb too: its letter must be kept all the same."""
    number = bury_one(letters, record(Name="a\0b", Phone="\\u0000 '\" \\"))

    assert ["kept"] == states(letters, number)


# -- looking -------------------------------------------------------------------------------------


def test_list_and_show(isthmus: Isthmus, letters: DeadLetters) -> None:
    """Newest first; counted by reason; one letter whole."""
    first = bury_one(letters, record(1, Name="한강"))
    second = bury_one(letters, record(2), "constraint")
    bury_one(letters, record(3), "constraint")

    listed = isthmus("dead-letters", "list")
    by_reason = isthmus("dead-letters", "list", "--by-reason")
    shown = isthmus("dead-letters", "show", str(first))

    assert listed.index(sfid(3)) < listed.index(sfid(2)) < listed.index(sfid(1))
    assert "What to do about constraint." in listed
    assert ["constraint", "value_refused"] == [line.split()[0] for line in by_reason.splitlines()[1:]]
    assert all(part in shown for part in ("reason: value_refused", "한강", f"record_id: {sfid(1)}"))
    assert second != first


def test_an_empty_graveyard_says_so(isthmus: Isthmus, letters: DeadLetters) -> None:
    """Nothing failed is a word, not silence."""
    assert "none" == isthmus("dead-letters", "list").strip()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "404"), "letter_missing"),
        (("replay", "404"), "letter_missing"),
        (("discard", "404"), "letter_missing"),
        (("replay",), "nothing_chosen"),
        (("discard", "1", "--reason", "x"), "nothing_chosen"),
        (("replay", "--reason", "no_such_reason"), "letter_missing"),
    ],
)
def test_a_choice_that_is_none_is_explained(
    isthmus: Isthmus, letters: DeadLetters, arguments: tuple[str, ...], word: str
) -> None:
    """Exit code 1, with a sentence."""
    with pytest.raises(SystemExit, match=word):
        isthmus("dead-letters", *arguments)


# -- deciding ------------------------------------------------------------------------------------


def test_replay_from_salesforce_asks_for_a_read(isthmus: Isthmus, letters: DeadLetters, client: Client) -> None:
    """An old letter brings no old value back: a hint goes out, that the record be read, deleted ones included."""
    subscription = client.subscription(f"projects/{PROJECT}/topics/salesforce-changes")
    change = record(Name="old value")
    number = bury_one(letters, change)

    said = isthmus("dead-letters", "replay", str(number))

    (data,) = client.take(subscription)
    (hint,) = codec.decode(data)
    assert (sfid(1), change.stamp, change.event_id, {}, True, Op.UPSERT) == (
        hint.record_id, hint.stamp, hint.event_id, hint.fields, hint.buried, hint.op,
    )  # fmt: skip
    assert "will be read" in said
    assert ["replayed"] == states(letters, number)


def test_replay_by_reason_takes_all_of_it(isthmus: Isthmus, letters: DeadLetters, client: Client) -> None:
    """Only what is kept, only that reason."""
    subscription = client.subscription(f"projects/{PROJECT}/topics/salesforce-changes")
    numbers = [bury_one(letters, record(n)) for n in range(3)]
    other = bury_one(letters, record(9), "constraint")
    letters.close([numbers[2]], "discarded")

    isthmus("dead-letters", "replay", "--reason", "value_refused")

    assert {sfid(0), sfid(1)} == {codec.decode(data)[0].record_id for data in client.take(subscription, 2)}
    assert ["replayed", "replayed", "discarded", "kept"] == states(letters, *numbers, other)


def test_unreadable_bytes_are_published_as_they_were(isthmus: Isthmus, letters: DeadLetters, client: Client) -> None:
    """What could not be read is not touched."""
    subscription = client.subscription(f"projects/{PROJECT}/topics/postgres-changes")
    bodies = [b"\x00\xff not \xed\xa0\x80 ours", b" ", '{"v": 99, "é": 1}'.encode()]
    for n, data in enumerate(bodies):
        letters.bury_bytes("postgres-changes", f"m{n}", data, Terminal("message_unreadable", "?", "Look at it."), 3)
    numbers = [letter["id"] for letter in letters.newest()]

    isthmus("dead-letters", "replay", *map(str, numbers))

    assert sorted(bodies) == client.take(subscription, 3)
    assert {3} == {letter["attempts"] for letter in letters.find(numbers)}
    assert ["replayed"] * 3 == states(letters, *numbers)


def test_replay_from_postgres_reopens_the_log(
    isthmus: Isthmus, letters: DeadLetters, database: Database, account: Mapping
) -> None:
    """The edits themselves are tried again, in their order; a second replay finds nothing to do."""
    change_log = ChangeLog(database, MappingBook(database), call_seconds=720)
    insert(database, "a", 1)
    run(database, f"UPDATE {TABLE} SET name = 'x'")
    for owed in change_log.take(change_log.claim(10, drain.merge).changes):
        change_log.settle(account, [Settled(owed, failure(owed.change, "refused_there"))])
    (letter,) = letters.newest()
    empty_before = change_log.claim(10, drain.merge).records

    said = isthmus("dead-letters", "replay", str(letter["id"]))
    claimed = change_log.claim(10, drain.merge)
    with pytest.raises(SystemExit, match="replay_incomplete"):
        isthmus("dead-letters", "replay", str(letter["id"]))

    assert (0, "1 edits are open again" in said) == (empty_before, True)
    assert [{"Name": "x"}] == [dict(c.fields) for c in claimed.changes]
    assert ["replayed"] == states(letters, letter["id"])


def test_a_letter_that_was_overtaken_is_closed(letters: DeadLetters, database: Database, account: Mapping) -> None:
    """A later edit of the record arrived: its older failure is history."""
    change_log = ChangeLog(database, MappingBook(database), call_seconds=720)
    insert(database, "a", 1)
    for value, ending in (("bad", Ending.FAILED), ("good", Ending.SENT)):
        run(database, f"UPDATE {TABLE} SET name = :value", value=value)
        for owed in change_log.take(change_log.claim(10, drain.merge).changes):
            outcome = failure(owed.change) if ending is Ending.FAILED else Outcome(owed.change, ending)
            change_log.settle(account, [Settled(owed, outcome, owed.send.sfid)])

    assert [] == letters.newest()
    assert {"done"} == {entry["state"] for entry in log(database)}


def test_a_replay_that_fails_at_once_leaves_its_letter_kept(
    isthmus: Isthmus, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doors may be quicker than the command line: what failed again meanwhile is not called replayed."""
    number = bury_one(letters, record())

    def fail_again(self: object, payloads: list[bytes], attributes: object) -> None:
        (hint,) = codec.decode(payloads[0])
        letters.bury(to_postgres.TOPIC, [failure(hint, "record_not_visible")])

    monkeypatch.setattr("common.pubsub.topic.PubsubTopic.publish_raw", fail_again)
    isthmus("dead-letters", "replay", str(number))

    (letter,) = letters.newest()
    assert (number, 2, "record_not_visible") == tuple(letter[n] for n in ("id", "attempts", "reason"))


def test_discarded_letters_stay_to_be_seen(isthmus: Isthmus, letters: DeadLetters) -> None:
    """Given up is a state, not a deletion."""
    number = bury_one(letters, record())

    assert "1 discarded" == isthmus("dead-letters", "discard", str(number)).strip()
    assert "none" == isthmus("dead-letters", "list").strip()
    assert sfid(1) in isthmus("dead-letters", "list", "--state", "discarded")


def test_one_that_cannot_be_replayed_stops_none_of_the_others(
    isthmus: Isthmus, letters: DeadLetters, client: Client
) -> None:
    """Each for itself: the others are sent on, and the command says that it was not everything."""
    subscription = client.subscription(f"projects/{PROJECT}/topics/salesforce-changes")
    letters.bury(
        "postgres-changes", [failure(a_change(source=Side.POSTGRES, record_id="gone", event_id="x"), "refused")]
    )
    stuck = letters.newest()[0]["id"]
    fine = bury_one(letters, record())

    with pytest.raises(SystemExit, match="1 could not be replayed"):
        isthmus("dead-letters", "replay", str(stuck), str(fine))

    assert 1 == len(client.take(subscription))
    assert ["kept", "replayed"] == states(letters, stuck, fine)


def test_a_letter_stays_kept_where_pubsub_refuses(isthmus: Isthmus, letters: DeadLetters) -> None:
    """What was not sent on is not called replayed."""
    number = bury_one(letters, record())

    with mock.patch.dict(os.environ, {"GOOGLE_CLOUD_PROJECT": "no-such-project"}), pytest.raises(SystemExit):
        isthmus("dead-letters", "replay", str(number))

    assert ["kept"] == states(letters, number)
