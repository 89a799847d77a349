"""Connections: one per thread, opened when first used, opened again when lost."""

import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Protocol, Self

import pg8000.native
from pg8000.converters import JSON, JSONB

from common.config import Database as Settings
from common.errors import Misconfigured
from common.postgres import identity
from common.postgres.errors import VENDOR, lost_connection, translate
from common.postgres.queries import SQL, Parameter, bind, load

CONNECT_SECONDS = 10  #: a sleeping Neon database needs some hundred milliseconds to wake
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Row = list[Any]


class Connection(Protocol):
    """What the plain driver and the Cloud SQL connector have in common."""

    notifications: deque[Any]
    parameter_statuses: dict[str, str]
    _usock: socket.socket
    _backend_key_data: bytes  #: the server process' number and secret, as it was told when we connected

    def execute_simple(self, statement: str) -> Any: ...

    def execute_unnamed(self, statement: str, *, stream: Any = None) -> Any: ...

    def register_in_adapter(self, oid: int, in_func: Callable[[str], Any]) -> None: ...

    def close(self) -> None: ...


_Q = load("connect")


@cache
def needed_migrations() -> frozenset[str]:
    """The migrations that this code needs: all `pre` halves."""
    return frozenset(path.name.removesuffix(".pre.sql") for path in (SQL / "migrations").glob("*.pre.sql"))


def execute(connection: Connection, statement: str) -> Any:
    """Run one simple query; the driver's context with columns and rows."""
    try:
        return connection.execute_simple(statement)
    except VENDOR:
        raise
    except BaseException:
        connection.close()  # its answer was read in part: the rest would be taken for the next statement's
        raise


def run(connection: Connection, statement: str) -> list[Row]:
    """Run one simple query, which may be several statements; their rows."""
    rows: list[Row] | None = execute(connection, statement).rows
    return rows or []


class Transaction:
    """An open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, statement: str, **parameters: Parameter) -> list[Row]:
        """Run one statement; its rows."""
        return run(self._connection, bind(statement, **parameters))

    def run_bound(self, statement: str) -> list[Row]:
        """Run a statement whose parameters are in it already; its rows."""
        return run(self._connection, statement)

    def copy(self, statement: str, chunks: Iterable[bytes]) -> int:
        """Give a COPY ... FROM STDIN its bytes as they come; how many rows they were.

        Where they break off, the connection is lost with them.
        """
        try:
            # The extended protocol, inside a transaction: a pooler changes no server there.
            return int(self._connection.execute_unnamed(statement, stream=chunks).row_count)
        except VENDOR:
            raise
        except BaseException:
            self._connection.close()  # it would take the next statement for rows
            raise

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What fails inside is undone alone; the transaction goes on.

        Raises:
            Transient, Terminal, Misconfigured: Postgres' own errors, translated.
        """
        run(self._connection, "SAVEPOINT attempt")
        try:
            yield
        except VENDOR as exc:
            if lost_connection(exc):
                raise
            run(self._connection, "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
            raise translate(exc) from exc
        run(self._connection, "RELEASE SAVEPOINT attempt")

    def objects(self, query: str, **parameters: Parameter) -> list[dict[str, Any]]:
        """Run a SELECT whose rows may be many: they come as one JSON text, which Python reads ten times as fast.

        Times come as ISO text, numbers with a fraction as text.
        """
        found: list[dict[str, Any]] = self.run(
            f"SELECT coalesce(json_agg(x), '[]') FROM (\n{query}\n) AS x", **parameters
        )[0][0]
        return found

    def dicts(self, statement: str, **parameters: Parameter) -> list[dict[str, Any]]:
        """Run one statement; its rows by column name."""
        context = execute(self._connection, bind(statement, **parameters))
        names = [column["name"] for column in context.columns or ()]
        return [dict(zip(names, row, strict=True)) for row in context.rows or ()]


class Database:
    """One Postgres database, behind a pooler or not. Safe to share between threads."""

    def __init__(self, settings: Settings, *, check_schema: bool = True, check_identity: bool = True) -> None:
        self._settings = settings
        self._check_schema = check_schema
        self.checks_identity = check_schema and check_identity  #: whether a database that moved is refused
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """An explicit transaction, as transaction poolers need; committed unless something is raised.

        Raises:
            Transient, Terminal, Misconfigured: Postgres' own errors, translated. Nothing was written, unless
                the connection broke during COMMIT: then nobody knows, so what is done inside must be idempotent.
        """
        connection = self._begin()
        try:
            yield Transaction(connection)
            run(connection, "COMMIT")
        except VENDOR as exc:
            self._abandon(exc)
            raise translate(exc) from exc
        except BaseException:
            self._rollback()
            raise

    def at_once(self, script: str) -> list[Row]:
        """Run a whole transaction, BEGIN to COMMIT, in one round trip; the rows of its last SELECT.

        Raises:
            Transient, Terminal, Misconfigured: as in `transaction`.
        """
        try:
            return run(self._connection(), f"BEGIN;\n{script};\nCOMMIT")
        except VENDOR as exc:
            if lost_connection(exc) and self._forget():
                return self._once_more(script)
            self._rollback()
            raise translate(exc) from exc

    def _once_more(self, script: str) -> list[Row]:
        # A cached connection dies unnoticed while the database sleeps; every script is idempotent.
        try:
            return run(self._connection(), f"BEGIN;\n{script};\nCOMMIT")
        except VENDOR as exc:
            self._abandon(exc)
            raise translate(exc) from exc

    def _begin(self) -> Connection:
        try:
            connection = self._connection()
            run(connection, "BEGIN")
        except VENDOR as exc:
            if not (lost_connection(exc) and self._forget()):
                raise translate(exc) from exc
            try:
                connection = self._connection()
                run(connection, "BEGIN")
            except VENDOR as again:
                self._forget()
                raise translate(again) from again
        return connection

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._settings)
            if self._check_schema:
                try:
                    _refuse_old_schema(connection)
                    if self.checks_identity:
                        identity.refuse_moved(Transaction(connection))
                except BaseException:
                    connection.close()
                    raise
            self._local.connection = connection
        return connection

    def _abandon(self, exc: Exception) -> None:
        if lost_connection(exc):
            self._forget()
        else:
            self._rollback()

    def _rollback(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            return
        try:
            run(connection, "ROLLBACK")
        except VENDOR:
            self._forget()

    def _forget(self) -> bool:
        """Close this thread's connection; whether there was one."""
        connection: Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is None:
            return False
        try:
            connection.close()
        except VENDOR:
            pass  # it was broken already
        return True

    def close(self) -> None:
        """Close this thread's connection, if it has one."""
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(settings: Settings, *, direct: bool = False) -> Connection:
    """Open a connection.

    Args:
        direct: Past the pooler, for LISTEN and migrations.

    Raises:
        pg8000's errors and OSError, untranslated.
    """
    connection = _connect_cloud_sql(settings) if settings.cloud_sql_instance else _connect_plainly(settings, direct)
    for oid in (JSON, JSONB):
        connection.register_in_adapter(oid, partial(json.loads, parse_float=str, parse_int=_whole))
    _refuse_loose_strings(connection)
    return connection


def _whole(digits: str) -> int | str:
    # A number keeps every digit; Python makes no int of more than 4300 of them.
    return int(digits) if len(digits) <= 18 else digits


def _connect_plainly(settings: Settings, direct: bool) -> Connection:
    target = settings.direct if direct else settings.target
    connection: Connection = pg8000.native.Connection(
        user=target.user,
        password=target.password,  # never None: the driver breaks where one is asked for and none is there
        host=target.host,
        port=target.port,
        database=target.name,
        ssl_context=_tls(settings, target.host),
        timeout=CONNECT_SECONDS,
        application_name="isthmus",
    )
    connection._usock.settimeout(None)  # the timeout is for connecting; a statement may take longer
    return connection


def _connect_cloud_sql(settings: Settings) -> Connection:
    from google.cloud.sql.connector import Connector  # late: 350 ms, and only Cloud SQL needs it

    global _connector
    if _connector is None:
        _connector = Connector(refresh_strategy="lazy")
    connection: Connection = _connector.connect(
        settings.cloud_sql_instance, "pg8000", user=settings.target.user, password=settings.target.password or None,
        db=settings.target.name, enable_iam_auth=not settings.target.password,
    )  # fmt: skip
    return connection


_connector: Any = None


def _tls(settings: Settings, host: str) -> ssl.SSLContext | bool:
    """Verified everywhere but on loopback; pg8000 verifies nothing by itself."""
    if host in LOOPBACK and not settings.ca:
        return False
    try:
        if "BEGIN CERTIFICATE" in settings.ca:
            return ssl.create_default_context(cadata=settings.ca)
        return ssl.create_default_context(cafile=settings.ca or None)
    except OSError as exc:  # ssl.SSLError is one too
        raise Misconfigured("database_ca", str(exc), "Set DATABASE_CA to a CA file's path, or to its text.") from exc


def _refuse_loose_strings(connection: Connection) -> None:
    if connection.parameter_statuses.get("standard_conforming_strings", "on") != "on":
        connection.close()
        raise Misconfigured(
            "loose_strings", hint="Set standard_conforming_strings to on for this database: literals rely on it."
        )


def _refuse_old_schema(connection: Connection) -> None:
    found = run(connection, _Q["migrated_table"])
    names = [row[0] for row in run(connection, _Q["migrations"])] if found and found[0][0] else []
    missing = sorted(needed_migrations() - set(names))  # all of them: one in the midst may be missing, too
    if missing:
        raise Misconfigured(
            "schema_outdated", f"the database has {max(names, default='no migration')}, and lacks {', '.join(missing)}",
            "Run `isthmus migrate`.",
        )  # fmt: skip


__all__ = ["CONNECT_SECONDS", "Database", "Row", "Transaction", "connect", "needed_migrations"]
