"""Waiting for the trigger's NOTIFY, on a connection past the pooler."""

import select
from contextlib import closing
from typing import Self

from common.config import Database as Settings
from common.errors import Misconfigured
from common.postgres.connect import Connection, connect, run
from common.postgres.errors import VENDOR, translate
from common.postgres.queries import load

PROOF_SECONDS = 2.0  #: within which a word of our own comes through a pooler, or never

_Q = load("listen")


class Listener:
    """Hears of captured edits from the moment it is made. For one thread."""

    def __init__(self, settings: Settings) -> None:
        """Listen.

        Raises:
            Transient: Postgres cannot be reached.
            Misconfigured: it refuses, or a transaction pooler stands between, through which nothing would be heard.
        """
        try:
            self._connection: Connection = connect(settings, direct=True)
        except VENDOR as exc:
            raise translate(exc) from exc
        try:
            pooled = _is_pooled(self._connection)
            run(self._connection, _Q["listen"])
            if pooled:
                self._refuse_deafness(settings)
        except VENDOR as exc:
            self.close()
            raise translate(exc) from exc
        except BaseException:
            self.close()
            raise

    def _refuse_deafness(self, settings: Settings) -> None:
        """Behind a pooler, hear a word of our own: one that pools transactions takes LISTEN and delivers nothing."""
        with closing(connect(settings, direct=True)) as other:
            run(other, _Q["notify"])
        if not self.wait(PROOF_SECONDS):
            raise Misconfigured(
                "listen_refused", "a pooler stands between, and nothing that is notified comes through",
                "Set DATABASE_DIRECT_URL to the database's address past its transaction pooler "
                "(Neon: without -pooler; Supabase: port 5432), or do without a listen window: nudge instead.",
            )  # fmt: skip

    def wait(self, seconds: float) -> bool:
        """Return at once when something was captured since the last call, else after `seconds`.

        Raises:
            Transient: the connection is lost.
        """
        try:
            # The driver has no call that waits; its socket is readable when the server has something to say.
            ready, _, _ = select.select([self._connection._usock], [], [], seconds)
            if ready:
                run(self._connection, _Q["fetch"])
        except VENDOR as exc:
            raise translate(exc) from exc
        heard = bool(self._connection.notifications)
        self._connection.notifications.clear()
        return heard

    def close(self) -> None:
        """Hang up."""
        try:
            self._connection.close()
        except VENDOR:
            pass  # it was broken already

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_pooled(connection: Connection) -> bool:
    """A pooler gives its clients a key of its own making in place of the server's process number."""
    told = int.from_bytes(connection._backend_key_data[:4], "big")
    return bool(run(connection, _Q["process"]) != [[told]])
