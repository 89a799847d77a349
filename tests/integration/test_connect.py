"""Connections: what breaks them, what heals them, and which trouble needs a person."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common import config
from common.errors import IsthmusError, Misconfigured, Terminal, Transient
from common.postgres import connect as module
from common.postgres.connect import Database, connect
from tests.integration.accounts import another, at_the_same_time, run
from tests.stack.postgres import Postgres, free_port


def at(settings: config.Database, **bent: Any) -> config.Database:
    """The same database, reached in another way."""
    target = replace(settings.direct, **bent)
    return replace(settings, target=target, direct=target)


def the_error(settings: config.Database) -> IsthmusError:
    with Database(settings) as database, pytest.raises(IsthmusError) as raised:
        run(database, "SELECT 1")
    return raised.value


def backend(database: Database) -> int:
    return int(run(database, "SELECT pg_backend_pid()")[0][0])


def kill(settings: config.Database, pid: int) -> None:
    with another(settings) as other:
        run(other, "SELECT pg_terminate_backend(:pid)", pid=pid)
        gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"
        while run(other, gone, pid=pid) != [[0]]:
            pass


@pytest.fixture
def direct(settings: config.Database) -> Iterator[Database]:
    """Past any pooler: a pooler mends its own connections."""
    with Database(at(settings)) as database:
        yield database


def test_a_database_that_is_away_is_transient(settings: config.Database) -> None:
    """Nobody listens: waiting may heal it."""
    trouble = the_error(at(settings, port=free_port()))

    assert (Transient, "database_unavailable") == (type(trouble), trouble.reason)


def test_a_lost_connection_heals_by_the_next_transaction(direct: Database, settings: config.Database) -> None:
    """What died between two transactions is opened again, unnoticed."""
    pid = backend(direct)
    kill(settings, pid)

    again = backend(direct)
    kill(settings, again)
    rows = direct.at_once("SELECT 7")

    assert pid != again
    assert [[7]] == rows


def test_a_connection_lost_within_a_transaction_is_transient(direct: Database, settings: config.Database) -> None:
    """Half of it is gone, so all of it must be tried again; the next transaction works."""
    run(direct, "CREATE TABLE t (n integer)")

    with pytest.raises(Transient) as lost, direct.transaction() as tx:
        tx.run("INSERT INTO t VALUES (1)")
        kill(settings, int(tx.run("SELECT pg_backend_pid()")[0][0]))
        tx.run("INSERT INTO t VALUES (2)")

    assert lost.value.reason in ("database_unavailable", "database_busy")
    assert [] == run(direct, "SELECT n FROM t")


def test_a_connection_lost_before_commit_is_transient(direct: Database, settings: config.Database) -> None:
    """Nobody knows whether a COMMIT that met a broken connection was carried out: it is not called done."""
    run(direct, "CREATE TABLE t (n integer)")

    with pytest.raises(Transient), direct.transaction() as tx:
        tx.run("INSERT INTO t VALUES (1)")
        kill(settings, int(tx.run("SELECT pg_backend_pid()")[0][0]))

    assert [] == run(direct, "SELECT n FROM t")


def test_a_commit_may_be_refused(database: Database) -> None:
    """A deferred constraint speaks at COMMIT: the error is raised, nothing was written, the connection lives."""
    run(database, "CREATE TABLE t (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(Terminal) as explicit, database.transaction() as tx:
        tx.run("INSERT INTO t VALUES (1), (1)")
    with pytest.raises(Terminal) as at_once:
        database.at_once("INSERT INTO t VALUES (2), (2)")

    assert ("constraint", "constraint") == (explicit.value.reason, at_once.value.reason)
    assert [] == run(database, "SELECT n FROM t")


def test_an_error_ends_its_transaction_only(database: Database) -> None:
    """After a refused statement the same thread goes on with a clean transaction."""
    with pytest.raises(Terminal):
        database.at_once("CREATE TABLE t (n integer); SELECT 1 / 0")
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:
        tx.run("CREATE TABLE u (n integer)")
        raise ZeroDivisionError

    assert [[None, None]] == run(database, "SELECT to_regclass('t'), to_regclass('u')")


def test_an_answer_that_cannot_be_read_is_not_left_for_the_next_one(database: Database) -> None:
    """Whatever goes wrong in the middle of an answer, the next statement gets its own."""
    with pytest.raises(ValueError), database.transaction() as tx:
        tx._connection.register_in_adapter(25, lambda _: int("no number"))
        tx.run("SELECT 'a'::text UNION ALL SELECT 'b'")

    assert [[1, "x"]] == run(database, "SELECT 1, 'x'::text")


def test_each_thread_has_its_own_connection(direct: Database) -> None:
    """One connection per thread, kept; closing one thread's leaves the others'."""

    def twice() -> tuple[int, int]:
        pids = backend(direct), backend(direct)
        direct.close()
        return pids

    results = at_the_same_time(*[twice] * 4)

    assert all(first == second for first, second in results)
    assert 4 == len({first for first, _ in results})


def test_two_transactions_do_not_meet_in_one_thread(direct: Database) -> None:
    """A thread that raises in one transaction has its connection back for the next."""
    before = backend(direct)
    with pytest.raises(Terminal):
        run(direct, "SELECT 1 / 0")

    assert before == backend(direct)


# -- what a person must mend -----------------------------------------------------------------------


def test_a_database_that_does_not_exist_is_misconfigured(settings: config.Database) -> None:
    """The message names the setting."""
    trouble = the_error(at(settings, name="no_such_database"))

    assert (Misconfigured, "database_missing") == (type(trouble), trouble.reason)
    assert "DATABASE_URL" in trouble.hint


@pytest.fixture
def guarded_role(postgres_server: Postgres, direct: Database) -> Iterator[str]:
    """A role that needs a password on a server that trusts everybody else."""
    rules = postgres_server.folder / "pg_hba.conf"
    before = rules.read_text()
    run(direct, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
    _rewrite(rules, f"host all guarded 127.0.0.1/32 scram-sha-256\n{before}", direct)
    yield "guarded"
    _rewrite(rules, before, direct)
    run(direct, "DROP OWNED BY guarded; DROP ROLE guarded")


def _rewrite(rules: Path, text: str, database: Database) -> None:
    rules.write_text(text)
    run(database, "SELECT pg_reload_conf()")
    while run(database, "SELECT count(*) FROM pg_hba_file_rules WHERE 'guarded' = ANY (user_name)") != [
        [1 if "guarded" in text else 0]
    ]:
        pass


def test_a_wrong_password_is_misconfigured(settings: config.Database, guarded_role: str) -> None:
    """Waiting never makes a password right."""
    trouble = the_error(at(settings, user=guarded_role, password="wrong"))

    assert (Misconfigured, "database_login") == (type(trouble), trouble.reason)
    assert "wrong" not in str(trouble)


def test_a_missing_password_is_misconfigured(settings: config.Database, guarded_role: str) -> None:
    """Postgres asks for one and none is set: a person must act, whatever the driver calls it."""
    trouble = the_error(at(settings, user=guarded_role))

    assert (Misconfigured, "database_login") == (type(trouble), trouble.reason)


def test_a_role_without_rights_is_misconfigured(settings: config.Database, guarded_role: str, direct: Database) -> None:
    """Neither our schema nor a table may be read: the message names what to grant."""
    blind = the_error(at(settings, user=guarded_role, password="right"))
    run(direct, "GRANT USAGE ON SCHEMA isthmus TO guarded")
    sees_nothing = the_error(at(settings, user=guarded_role, password="right"))

    assert (Misconfigured, "database_rights") == (type(blind), blind.reason)
    assert (Misconfigured, "database_rights") == (type(sees_nothing), sees_nothing.reason)


def test_loose_strings_are_refused(settings: config.Database, direct: Database) -> None:
    """With standard_conforming_strings off a backslash in a value would end the literal's innocence."""
    name = run(direct, "SELECT current_database()")[0][0]
    run(direct, f"ALTER DATABASE {name} SET standard_conforming_strings = off")

    trouble = the_error(at(settings))

    assert (Misconfigured, "loose_strings") == (type(trouble), trouble.reason)


def test_values_cannot_leave_their_literal(database: Database) -> None:
    """Quotes, backslashes and comment signs are text."""
    for text in ("'; DROP TABLE x; --", "\\' OR 1=1", "a\\", "$$", "/*", ":name", "E'\\x41'"):
        assert [[text]] == run(database, "SELECT :value ::text", value=text)


# -- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.1", "localhost.example.com", "127.0.0.2"])
def test_tls_is_verified_off_loopback(settings: config.Database, host: str) -> None:
    """Certificate and name, always."""
    context = module._tls(settings, host)

    assert isinstance(context, ssl.SSLContext)
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_tls(settings: config.Database, host: str) -> None:
    """Nobody can stand in between."""
    assert module._tls(settings, host) is False


CERTIFICATE = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")


@pytest.mark.skipif(not CERTIFICATE.is_file(), reason="this machine has no CA file to try with")
def test_a_ca_is_taken_as_file_or_text(settings: config.Database) -> None:
    """DATABASE_CA holds either; with one, loopback is verified too."""
    text = CERTIFICATE.read_text(encoding="utf-8")
    end = text.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")
    single = text[text.index("-----BEGIN CERTIFICATE-----") : end]

    by_file = module._tls(replace(settings, ca=str(CERTIFICATE)), "127.0.0.1")
    by_text = module._tls(replace(settings, ca=single), "127.0.0.1")

    assert isinstance(by_file, ssl.SSLContext)
    assert isinstance(by_text, ssl.SSLContext)
    assert 1 == by_text.cert_store_stats()["x509_ca"]
    assert ssl.CERT_REQUIRED == by_text.verify_mode


@pytest.mark.parametrize("ca", ["/no/such/file.pem", "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----"])
def test_a_ca_that_cannot_be_read_is_misconfigured(settings: config.Database, ca: str) -> None:
    """A mistyped DATABASE_CA never heals by waiting."""
    trouble = the_error(replace(settings, ca=ca))

    assert Misconfigured is type(trouble)
    assert "DATABASE_CA" in trouble.hint


def test_a_certificate_that_nobody_vouches_for_is_misconfigured() -> None:
    """A failed verification is no outage: somebody must set DATABASE_CA, or is being lied to."""
    trouble = module.translate(ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"))

    assert Misconfigured is type(trouble)
    assert "DATABASE_CA" in trouble.hint


def test_connecting_gives_up_in_time(settings: config.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that takes the connection and says nothing does not hold a door for ever."""
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        trouble = the_error(at(settings, port=silent.getsockname()[1]))

    assert (Transient, "database_unavailable") == (type(trouble), trouble.reason)


def test_a_statement_may_take_longer_than_connecting(
    settings: config.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit is for connecting only."""
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    with closing(connect(settings)) as connection:
        rows = module.run(connection, "SELECT pg_sleep(0.5), 1")

    assert 1 == rows[0][1]
