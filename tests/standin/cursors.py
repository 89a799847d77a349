"""Open queries whose further pages were not fetched yet."""

from collections import OrderedDict

from tests.standin.errors import Refused
from tests.standin.ids import IdSource
from tests.standin.query import Answer
from tests.standin.web import Json

MAX_OPEN = 500
PAGE = 2000
MIN_PAGE = 200


class Cursors:
    """Hands out pages; the oldest query is forgotten when there are too many."""

    def __init__(self) -> None:
        self._ids = IdSource("01g")
        self._open: OrderedDict[str, tuple[Answer, int]] = OrderedDict()

    def first_page(self, answer: Answer, size: int, version: str) -> Json:
        cursor = ""
        if len(answer.records) > size:
            cursor = self._ids.take()
            self._open[cursor] = (answer, size)
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return _page(answer, size, cursor, 0, version)

    def page(self, locator: str, version: str) -> Json:
        """The page that a nextRecordsUrl names: cursor, dash, place."""
        cursor, _, place = locator.partition("-")
        found = self._open.get(cursor)
        if found is None or not place.isdigit():
            raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
        self._open.move_to_end(cursor)
        return _page(*found, cursor, int(place), version)

    def clear(self) -> None:
        self._open.clear()


def _page(answer: Answer, size: int, cursor: str, start: int, version: str) -> Json:
    end = start + size
    done = end >= len(answer.records)
    body: Json = {"totalSize": answer.total, "done": done}
    if not done:
        body["nextRecordsUrl"] = f"/services/data/{version}/query/{cursor}-{end}"
    body["records"] = [answer.render(record) for record in answer.records[start:end]]
    return body
