"""Waiting for the trigger's NOTIFY, on a connection past the pooler."""

import select
from typing import Self

from common.config import Database as Settings
from common.postgres.connect import Connection, connect, run
from common.postgres.errors import VENDOR, translate
from common.postgres.queries import load

_Q = load("listen")


class Listener:
    """Hears of captured edits from the moment it is made. For one thread."""

    def __init__(self, settings: Settings) -> None:
        """Raises Transient or Misconfigured where Postgres cannot be reached."""
        try:
            self._connection: Connection = connect(settings, direct=True)
            run(self._connection, _Q["listen"])
        except VENDOR as exc:
            raise translate(exc) from exc

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
