"""Open queries whose further pages were not fetched yet."""

from collections import OrderedDict

from tests.standin.clock import Clock
from tests.standin.errors import Refused
from tests.standin.ids import IdSource
from tests.standin.querying.query import Answer
from tests.standin.web import Json

MAX_OPEN = 500
PAGE = 2000
MIN_PAGE = 200
MINUTE_SECONDS = 60


class Cursors:
    """Hands out pages; a query that is left alone too long is forgotten, the oldest when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self.idle_minutes = 15.0
        self._clock = clock
        self._ids = IdSource("01g")
        self._open: OrderedDict[str, tuple[Answer, int]] = OrderedDict()
        self._used: dict[str, float] = {}

    def first_page(self, answer: Answer, size: int, version: str) -> Json:
        cursor = ""
        if len(answer.records) > size:
            cursor = self._ids.take()
            self._open[cursor] = (answer, size)
            self._used[cursor] = self._clock.now()
            while len(self._open) > MAX_OPEN:
                self._forget(next(iter(self._open)))
        return _page(answer, size, cursor, 0, version)

    def page(self, locator: str, version: str) -> Json:
        """The page that a nextRecordsUrl names: cursor, dash, place."""
        cursor, _, place = locator.partition("-")
        if self._clock.now() - self._used.get(cursor, 0.0) > self.idle_minutes * MINUTE_SECONDS:
            self._forget(cursor)
        found = self._open.get(cursor)
        if found is None or not place.isdigit():
            raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
        self._open.move_to_end(cursor)
        self._used[cursor] = self._clock.now()
        return _page(*found, cursor, int(place), version)

    def _forget(self, cursor: str) -> None:
        self._open.pop(cursor, None)
        self._used.pop(cursor, None)

    def clear(self) -> None:
        self._open.clear()
        self._used.clear()


def _page(answer: Answer, size: int, cursor: str, start: int, version: str) -> Json:
    end = start + size
    done = end >= len(answer.records)
    body: Json = {"totalSize": answer.total, "done": done}
    if not done:
        body["nextRecordsUrl"] = f"/services/data/{version}/query/{cursor}-{end}"
    body["records"] = [answer.render(record) for record in answer.records[start:end]]
    return body
