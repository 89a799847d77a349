"""SQL out of files, and parameters as literals."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.family import ParentKey
from common.mapping import Direction
from common.postgres import ddl
from common.postgres.queries import SQL, as_json, bind, identifier, literal, load
from common.postgres.statements import Statements
from tests.fakes.factories import a_mapping

FILES = sorted(path.stem for path in (SQL / "queries").glob("*.sql"))
EVERY = [(file, name) for file in FILES for name in load(file)]
NASTY = [
    "", "'", "''", "\\", "\\'", "'; DROP TABLE x; --", "$$", "$1", ":name", "a:b", "::text", "%s", "{table}", "E'\\x27'",
    '"', "`", "/* */", "-- x", "\n", "\r\n", "\t", "\x01", "\x7f", "서울 🚀", "\u2028", "\u02bc", "null", "NULL", "x" * 100_000,
]  # fmt: skip


# -- literals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-7, "-7"),
        (0, "0"),
        ("", "''"),
        ("it's", "'it''s'"),
        ("a\\b", "'a\\b'"),
        ([], "'{}'"),
        (["a", "it's"], "ARRAY['a', 'it''s']"),
        ([1, -2], "ARRAY[1, -2]"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "'2026-01-31T12:00:00+00:00'"),
        (Direction.SF_TO_PG, "'SF_TO_PG'"),
    ],
)
def test_literal(value, expected):
    assert expected == literal(value)


@pytest.mark.parametrize("value", ["\0", "a\0b", ["ok", "\0"]])
def test_literal_refuses_nul(value):
    """Postgres text cannot hold it, and some drivers end the statement there."""
    with pytest.raises(ValueError, match="NUL"):
        literal(value)


def test_nasty_texts_come_back_as_they_went(database):
    """Quotes, backslashes, names of parameters and controls are data."""
    with database.transaction() as tx:
        got = [tx.run("SELECT :name ::text", name=text)[0][0] for text in NASTY]

    assert NASTY == got


def test_nasty_texts_in_arrays_and_json_come_back(database):
    with database.transaction() as tx:
        array = tx.run("SELECT unnest(:names ::text[])", names=NASTY)
        rows = tx.run("SELECT r.t FROM json_to_recordset(:rows) AS r (t text)", rows=as_json({"t": t} for t in NASTY))

    assert NASTY == [row[0] for row in array]
    assert NASTY == [row[0] for row in rows]


def test_empty_arrays_have_the_type_of_their_place(database):
    with database.transaction() as tx:
        assert [] == tx.run("SELECT 1 WHERE 5 = ANY (:ids)", ids=[])
        assert [] == tx.run("SELECT 1 WHERE 'a' = ANY (:ids)", ids=[])


def test_half_a_surrogate_becomes_a_question_mark(database):
    """What UTF-8 cannot hold must not poison the batch that it came in."""
    with database.transaction() as tx:
        rows = tx.run("SELECT r.t FROM json_to_recordset(:rows) AS r (t text)", rows=as_json([{"t": "cut \ud83d"}]))

    assert [["cut ?"]] == rows


# -- binding ------------------------------------------------------------------------------------------------


def test_bind_replaces_names_only():
    """Casts, times and longer names are no parameters."""
    statement = "SELECT :a, :ab, x::a, :a ::text, '10:30', a[1:2], :a"

    assert "SELECT 1, 'x', x::a, 1 ::text, '10:30', a[1:2], 1" == bind(statement, a=1, ab="x")


def test_values_that_look_like_parameters_are_not_replaced():
    """A value is put in once and never read again."""
    assert "SELECT ':b', ':a'" == bind("SELECT :a, :b", a=":b", b=":a")


def test_a_missing_parameter_is_a_bug():
    with pytest.raises(KeyError):
        bind("SELECT :a, :b", a=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("account", '"account"'),
        ("salesforce.account", '"salesforce"."account"'),
        ('od"d', '"od""d"'),
        ("Mixed Case", '"Mixed Case"'),
        ("a.b.c", '"a"."b.c"'),
    ],
)
def test_identifier(name, expected):
    assert expected == identifier(name)


# -- the files ----------------------------------------------------------------------------------------------


def test_every_query_has_a_name_and_a_sentence():
    """A name of its own, then at least one comment line that ends a sentence."""
    for file in FILES:
        text = (SQL / "queries" / f"{file}.sql").read_text(encoding="utf-8")
        names = re.findall(r"^-- (\w+) --$", text, re.MULTILINE)
        assert len(set(names)) == len(names) > 0, file
        assert len(names) == len(re.findall(r"^-- \w+ --\n-- \S.*(?:\n-- .*)*\.$", text, re.MULTILINE)), file


@pytest.mark.parametrize(("file", "name"), EVERY)
def test_no_query_keeps_a_comment(file, name):
    """What is sent carries no comment: it would swallow what is bound behind it."""
    text = load(file)[name]

    assert text
    assert "--" not in text


def a_family():
    """Accounts with the keys of their parents."""
    parent = ParentKey("ParentId", "Parent", "Account", "External_Id__c", "parent__external_id", "parent_id")
    return a_mapping(parent_keys=(replace(parent, table="salesforce.account"),))


def _statements():
    """Every named query with its names filled in, as the rooms do it."""
    mapping = a_family()
    filled = {"table": Statements(mapping), "event": Statements(a_mapping(sobject="Order__e"))}
    (key,) = mapping.parent_keys
    names = {
        "table": identifier(mapping.table), "key": identifier(mapping.key_column), "child": identifier(mapping.table),
        "parent": identifier(key.table), "parent_key": identifier(key.key_column), "column": identifier(key.column),
        "lookup": identifier(key.lookup_column), "found_by": "sfid", "type": "text",
        "record_columns": ", c0 text", "assignments": "name = i.c0",
    }  # fmt: skip
    for file, name in EVERY:
        if file in ("ddl", "staging"):  # of tables that only their rooms make
            continue
        text = filled[file][name] if file in filled else load(file)[name]
        for place, value in names.items():
            text = text.replace("{" + place + "}", value)
        yield f"{file}.{name}", text


STATEMENTS = dict(_statements())
PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")
WANTED = {  # values of the right kind for every parameter that any query has
    "ids": [1], "attempts": 1, "limit": 1, "mapping_id": 1, "configuration": 1, "id": 1, "active": True,
    "now": datetime(2026, 1, 31, tzinfo=UTC), "read_at": datetime(2026, 1, 31, tzinfo=UTC), "lease_until": datetime(2026, 1, 31, tzinfo=UTC),
    "tables": ["salesforce.account"], "sfids": ["001000000000001AAA"], "external_ids": ["a"], "record_ids": ["a"],
    "claims": ["0b6b8c3e-5e0b-4a8e-9d65-2d1f6f9a7d11"], "fields": "[]", "records": "[]", "batches": "[]",
    "results": "[]", "sent": "[]", "errors": "[]", "pairs": "[]", "retractions": "[]", "conflicts": "[]", "columns": ["name"],
"letters": "[]", "direction": "BIDIRECTIONAL", "policy": "last_writer_wins", "state": "kept",
    "table": "salesforce.account", "kept": "[]", "paused": True, "settled": True, "forgotten": datetime(2026, 1, 31, tzinfo=UTC), "before": datetime(2026, 1, 31, tzinfo=UTC), "after": 0, "arrived": ["Name"], "stopped": "{}",
    "held": "[]", "failed": "[]", "rows": ["salesforce.account/a"], "nodes": ["salesforce.account/a"],
    "claim": "0b6b8c3e-5e0b-4a8e-9d65-2d1f6f9a7d11", "made_at": datetime(2026, 1, 31, tzinfo=UTC),
    "today": "2026-01-31", "job": 1, "at_least": 1,
    "next_poll_at": datetime(2026, 1, 31, tzinfo=UTC), "sf_jobs": "[]", "calls": 1, "used": 1, "allowed": 1, "closed_until": datetime(2026, 1, 31, tzinfo=UTC),
    "drifts": "[]", "said": "[]", "mint": True, "told_late": True, "every": True, "write_back_external_ids": True,
    "next_attempt_at": datetime(2026, 1, 31, tzinfo=UTC), "waits_for": "salesforce.account/a",
}  # fmt: skip
WANTED |= {
    "position": 1, "transaction": 1, "snapshot": False, "has_record": False, "capture": "debezium", "old": "{}", "new": "{}",
    "change_type": "UPDATE", "record_id": "a", "overtaken": ["name"],
}  # fmt: skip
WANTED |= {
    "sf_job": "750",
    "read_at": datetime(2026, 1, 31, tzinfo=UTC),
    "number": 1,
    "slice_records": 1,
    "milliseconds": 1,
    "written": 1,
    "stale": 1,
    "aside": 1,
}
WANTED |= {
    "kind": "window", "since": None, "until": datetime(2026, 1, 31, tzinfo=UTC), "place": "{}", "compared": 1, "missing": 0,
    "older": 0, "gone": 0, "purged": 0, "unseen": 0, "refresh_minutes": 60, "full_compare_days": 7, "upto": "",
    "starts": ["2026-01-31T00:00:00+00:00"], "from": datetime(2026, 1, 31, tzinfo=UTC),
    "at": datetime(2026, 1, 31, tzinfo=UTC), "action": "mapping.create", "subject": "Account", "refused": "",
    "summed_until": datetime(2026, 1, 31, tzinfo=UTC),
    "walk": 1, "names": ["a"], "version": "1", "max_daily_calls": 1, "delete_guard_count": 1, "delete_guard_share": "0.1",
}  # fmt: skip
PARTICULAR = {
    "audit.begin": {"before": "{}"},
    "audit.end": {"after": "{}"},
    "audit.newest": {"before": 1},
    "records.search": {"before": 1, "state": "new"},
    "trends.sum_up": {"after": datetime(2026, 1, 31, tzinfo=UTC)},
    "backfill.answered": {"records": 1},
    "backfill.begin": {"direction": "SF_TO_PG"},
    "backfill.end": {"state": "failed"},
    "backfill.capture_unsent": {"after": "a"},
    "backfill.finish": {"records": 1},
    "backfill.lock_unsent": {"after": "a"},
    "guard.arrive": {"rows": 1},
    "guard.decide": {"allowed": True},
    "reconcile.note": {"state": "running", "held": 0},
    "reconcile.rows_between": {"after": ""},
    "reconcile.images": {"after": ""},
    "reconcile.slice_end": {"after": "", "rows": 1},
    "bulk_job.attach": {"records": 1},
    "drift.describe": {"fields": "[]"},
    "drift.overtaken": {"fields": ["Name"]},
    "refill.begin": {"fields": ["Name"]},
    "refill.advance": {"names": ["Name"], "filled": 1},
    "refill.end": {"names": ["Name"]},
    "bulk_job.rows": {"after": "a"},
    "bulk_job.note": {"state": "running"},
    "mappings.register_outbound_message": {"fields": ["Id"]},
    "migrate.note": {"half": "post"},
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_place_is_left_unfilled(name):
    assert [] == re.findall(r"\{\w+\}", STATEMENTS[name])


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_query_is_understood_by_postgres(name, mapped):
    """With each of its parameters bound, the server parses, plans and runs it."""
    statement = STATEMENTS[name]
    own = PARTICULAR.get(name, {})
    parameters = {p: own.get(p, WANTED.get(p, "x")) for p in PARAMETER.findall(statement)}

    mapped.run(statement, **parameters)


@pytest.fixture
def mapped(database):
    """A transaction in which `a_mapping()` has its table."""
    with database.transaction() as tx:
        for statement in ddl.create(a_family()):
            tx.run_bound(statement)
        yield tx


def test_the_ddl_of_a_mapping_is_undone_by_its_end(mapped):
    """Nothing of ours runs in the table any more; it can be truncated again."""
    for statement in ddl.end_capture(a_mapping()):
        mapped.run_bound(statement)
    mapped.run_bound("TRUNCATE salesforce.account")

    assert ddl.table_exists(mapped, "salesforce.account")
    assert not ddl.table_exists(mapped, "salesforce.contact")


def test_long_tables_of_one_beginning_do_not_collide(database):
    """Each table's index has a name of its own."""
    tables = [f"salesforce.{'x' * 50}_{n}" for n in range(2)]

    with database.transaction() as tx:
        for table in tables:
            for statement in ddl.create(a_mapping(table=table)):
                tx.run_bound(statement)

        assert all(ddl.table_exists(tx, table) for table in tables)


def test_queries_are_where_the_code_looks():
    assert Path(SQL / "queries").is_dir()
    assert EVERY
