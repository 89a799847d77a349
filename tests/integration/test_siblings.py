"""Children of one parent, and parent and child, are never in two calls at a time; strangers are."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from common.change import Op
from common.mapping import Field, Kind, Mapping
from common.ports import Owed
from common.postgres.connect import Database
from common.salesforce.collection import Item
from common.salesforce.fields import StoppedFields
from common.salesforce.lanes import Lanes
from common.salesforce.sending import Known, Sending
from tests.integration.accounts import TABLE, insert, map_table, run, sfid
from tests.integration.claiming import Hand, a_log, claim_and_take

FIELDS = (
    Field("Name", "name", Kind.TEXT),
    Field("ParentId", "parent_id", Kind.ID, refers_to=("Account",)),
    Field("OwnerId", "owner_id", Kind.ID, refers_to=("User",)),
)
WAIT_SECONDS = 10


class Meeting:
    """Counts the calls that are under way at once: each waits until another one is there, or for a while."""

    data_path = "/services/data/v66.0/"

    def __init__(self) -> None:
        self.met = threading.Event()
        self._lock = threading.Lock()
        self._here = 0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        with self._lock:
            self._here += 1
            if self._here > 1:
                self.met.set()
        self.met.wait(0.3)
        with self._lock:
            self._here -= 1
        return [{"success": True, "id": r["id"]} for r in body["records"]]


@pytest.fixture
def mapping(database: Database) -> Iterator[Mapping]:
    yield map_table(database, fields=FIELDS)


@pytest.fixture
def owed(database: Database, mapping: Mapping) -> dict[str, Owed]:
    """Two sons of one parent, their parent, a stranger: all of one owner, edited without a word on whom they look up to."""
    owner = "005000000000001AAA"
    insert(database, "parent", 1, owner_id=owner)
    for n, (key, parent) in enumerate((("son", sfid(1)), ("brother", sfid(1)), ("stranger", sfid(9))), 2):
        insert(database, key, n, parent_id=parent, owner_id=owner)
    run(database, f"UPDATE {TABLE} SET name = 'x'")
    return {o.change.record_id: o for o in claim_and_take(a_log(database, Hand()))}


def meet(mapping: Mapping, *owed: Owed) -> bool:
    """Whether their calls are under way at the same time."""
    org, known = Meeting(), Known(StoppedFields(), Lanes())
    threads = [threading.Thread(target=lambda o=o: Sending(org, mapping, known).run([Item(0, o.send)])) for o in owed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    return org.met.is_set()


def test_a_record_knows_whom_it_looks_up_to(owed: dict[str, Owed]) -> None:
    """By its row, though the edit does not tell; an owner is nobody's parent."""
    assert {
        "parent": frozenset(), "son": {sfid(1)}, "brother": {sfid(1)}, "stranger": {sfid(9)},
    } == {key: o.send.parents for key, o in owed.items()}  # fmt: skip


def test_siblings_do_not_meet(mapping: Mapping, owed: dict[str, Owed]) -> None:
    assert not meet(mapping, owed["son"], owed["brother"])


def test_parent_and_child_do_not_meet(mapping: Mapping, owed: dict[str, Owed]) -> None:
    assert not meet(mapping, owed["parent"], owed["son"])


def test_strangers_go_at_the_same_time(mapping: Mapping, owed: dict[str, Owed]) -> None:
    assert meet(mapping, owed["son"], owed["stranger"])


def test_of_a_deleted_row_nobody_knows(database: Database, mapping: Mapping) -> None:
    """Such records go one call after the other."""
    insert(database, "a", 1, parent_id=sfid(9))
    run(database, f"DELETE FROM {TABLE}")

    (one,) = claim_and_take(a_log(database, Hand()))

    assert (Op.DELETE, None) == (one.send.op, one.send.parents)
