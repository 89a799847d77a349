"""Bookmarks as objects of a Google Cloud Storage bucket, by its JSON API: compare-and-set by generation.

Source: Cloud Storage documentation, "Objects: get", "Objects: insert", "Request preconditions".
"""

import os
import threading
from typing import Any
from urllib.parse import quote

import requests

from common.bookmark import Overtaken
from common.errors import IsthmusError, Misconfigured, Transient

ADDRESS = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
EMULATOR = "STORAGE_EMULATOR_HOST"  #: of Google's own clients: an address without sign-in
CALL_SECONDS = 10.0


class Bucket:
    """Implements bookmark.Shelf. One connection per thread.

    Args:
        where: gs://bucket/prefix.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._bucket, _, prefix = where.removeprefix("gs://").partition("/")
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._emulator = os.environ.get(EMULATOR, "").rstrip("/")
        self._local = threading.local()

    def read(self, name: str) -> tuple[bytes, int]:
        path = f"/storage/v1/b/{quote(self._bucket, safe='')}/o/{quote(self._object(name), safe='')}"
        answer = self._call("GET", path, {"alt": "media"})
        if answer.status_code == 404 and "specified bucket" not in answer.text:  # its name may say bucket too
            return b"", 0
        if answer.status_code != 200:
            raise self._refused(answer)
        return answer.content, int(answer.headers["x-goog-generation"])

    def write(self, name: str, page: bytes, generation: int) -> int:
        path = f"/upload/storage/v1/b/{quote(self._bucket, safe='')}/o"
        query = {"uploadType": "media", "name": self._object(name), "ifGenerationMatch": str(generation)}
        answer = self._call("POST", path, query, page)
        if answer.status_code == 412:
            raise Overtaken("overtaken", f"{name} is not of generation {generation} any more")
        if answer.status_code != 200:
            raise self._refused(answer)
        return int(answer.json()["generation"])

    def _object(self, name: str) -> str:
        return self._prefix + name.strip("/").replace("/", "-")

    def _call(self, method: str, path: str, query: dict[str, str], body: bytes | None = None) -> requests.Response:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            response: requests.Response = self._http().request(
                method, (self._emulator or ADDRESS) + path, params=query, data=body, headers=headers,
                timeout=CALL_SECONDS,
            )  # fmt: skip
        except requests.RequestException as exc:
            raise Transient("bookmarks_unavailable", str(exc), "Cloud Storage could not be reached.") from exc
        return response

    def _http(self) -> Any:
        http = getattr(self._local, "http", None)
        if http is None:
            http = self._local.http = requests.Session() if self._emulator else _signed_in()
        return http

    def _refused(self, answer: requests.Response) -> IsthmusError:
        said = f"HTTP {answer.status_code} {answer.text[:200].strip()}"
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            return Transient("bookmarks_unavailable", said, "Cloud Storage is busy; it is tried again.")
        return Misconfigured(
            "bookmarks_refused", said, f"PULL_STATE is {self._where}: the bucket must exist, and we must be allowed "
            "to read and write its objects (roles/storage.objectUser).",
        )  # fmt: skip


def _signed_in() -> Any:
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except GoogleAuthError as exc:
        raise Misconfigured(
            "no_google_identity", str(exc), "Run where a Google identity is, or name a folder."
        ) from exc
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
