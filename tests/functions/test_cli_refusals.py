"""Wrong input to the command line that once ended in a traceback, or could end in lost edits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import Terminal
from common.postgres.dead_letters import DeadLetters
from functions.cli.main import main
from tests.functions.doors import DATABASE, PUBSUB, SALESFORCE
from tests.stack.process import ROOT, clean_environment

COMMAND = Path(sys.executable).parent / "isthmus"


def run(*arguments, **settings):
    return subprocess.run(
        [COMMAND, *arguments], cwd=ROOT, env=clean_environment() | settings, timeout=60, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def refusal(done):
    """The one line that a refused command says; it never shows a secret."""
    assert 1 == done.returncode, done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("isthmus: ")
    return line


@pytest.mark.parametrize("command", ["replay", "discard"])
@pytest.mark.parametrize("arguments", [[], ["1", "--reason", "value_refused"]], ids=["nothing", "both"])
def test_letters_are_chosen_in_one_way(command, arguments):
    assert "nothing_chosen" in refusal(run("dead-letters", command, *arguments, **DATABASE, **PUBSUB))


@pytest.mark.parametrize(
    "table", ["a:b", "x" * 64, f"{'x' * 64}.y", "a.b.c", "a.", ".a", "with space", "a.{key}", "한" * 22]
)
def test_create_refuses_names_that_postgres_would_cut_or_mistake(table):
    """Before anybody is asked anything: edits of a table whose name was cut would be logged under a name nobody reads."""
    assert "table_name" in refusal(run("mapping", "create", "Account", "--table", table, **DATABASE, **SALESFORCE))


@pytest.mark.parametrize("url", ["http://example.invalid", "example.invalid"])
def test_create_never_sends_a_secret_in_the_clear(url):
    assert "SF_LOGIN_URL" in refusal(
        run("mapping", "create", "Account", **DATABASE, **(SALESFORCE | {"SF_LOGIN_URL": url}))
    )


@pytest.mark.parametrize("content", [None, b"", b"\x00\xff", b'<?xml version="1.0" encoding="klingon"?><a/>'])
def test_register_refuses_what_is_no_wsdl(tmp_path, content):
    """A missing file, a folder and a file of something else."""
    file = tmp_path / "message.wsdl"
    if content is not None:
        file.write_bytes(content)

    for path in (file, tmp_path):
        assert "wsdl_unreadable" in refusal(run("outbound-message", "register", str(path), **DATABASE))


@pytest.mark.parametrize("arguments", [["status"], ["mapping", "list"], ["dead-letters", "list"]], ids=" ".join)
def test_an_unmigrated_database_is_told_how(arguments, postgres_server):
    assert "isthmus migrate" in refusal(run(*arguments, DATABASE_URL=postgres_server.url()))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["mapping", "resume", "'; DROP TABLE x; --"], "mapping_missing"),
        (["mapping", "delete", ":name"], "mapping_missing"),
        (["failures", "list", "--object", "Acount"], "mapping_missing"),
        (["failures", "retry", "--object", "Acount", "--yes"], "mapping_missing"),
        (["conflicts", "list", "--object", "Acount"], "mapping_missing"),
        (["conflicts", "resolve", "--object", "Acount", "--take", "postgres", "--yes"], "mapping_missing"),
        (["deletes", "list", "Acount"], "mapping_missing"),
        (["dead-letters", "show", "99999999999999999999999"], "letter_missing"),
        (["dead-letters", "replay", "--reason", "it's"], "letter_missing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_odd_names_are_only_names(arguments, reason, database_url):
    assert reason in refusal(run(*arguments, DATABASE_URL=database_url, **PUBSUB))


@pytest.mark.parametrize("limit", ["-1", "0", "many"])
@pytest.mark.parametrize("group", ["failures", "conflicts", "deletes", "dead-letters"])
def test_a_limit_is_a_number_above_zero(group, limit, capsys):
    """Refused before anything is asked of Postgres, with what was said and what would do."""
    with pytest.raises(SystemExit) as ended:
        main([group, "list", "--limit", limit])

    assert (2, True) == (ended.value.code, f"{limit!r} is no whole number above zero" in capsys.readouterr().err)


def test_an_empty_dead_letter_can_be_shown_and_discarded(database_url, database):
    """A message without any bytes is a letter too; its reason's line break does not break the list."""
    DeadLetters(database).bury_bytes("work", "m-1", b"", Terminal("message_unreadable", "detail\nof two lines", "hint"))
    (letter,) = DeadLetters(database).newest()
    number = str(letter["id"])

    listed = run("dead-letters", "list", DATABASE_URL=database_url)
    shown = run("dead-letters", "show", number, DATABASE_URL=database_url)
    discarded = run("dead-letters", "discard", number, DATABASE_URL=database_url)

    assert 2 == len(listed.stdout.splitlines())
    assert {"bytes": ""} == json.loads(shown.stdout.split("payload:")[1].split("\nstate:")[0])
    assert "1 discarded\n" == discarded.stdout
    assert [] == DeadLetters(database).newest()
