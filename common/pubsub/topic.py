"""Publishing, confirmed before it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from common import codec
from common.change import Change
from common.errors import Misconfigured, Transient

if TYPE_CHECKING:  # late where it is used: half of a door's start, and most doors seldom publish
    from google.pubsub_v1 import PublisherClient, PubsubMessage

PUBLISH_SECONDS = 20.0
MAX_REQUEST = 8_000_000  #: bytes in one request; Pub/Sub takes 10 MB
MAX_CHANGES = 200  #: in one message from Salesforce: one transaction of upsert_postgres
MAX_SEND = 1000  #: in one message to Salesforce: one Composite of five collections


class PubsubTopic:
    """Implements ports.Topic with the synchronous client: what it has not confirmed raises."""

    def __init__(self, name: str, *, max_changes: int = MAX_CHANGES, client: PublisherClient | None = None) -> None:
        self._name = name
        self._max_changes = max_changes
        self._client = client

    def publish(self, changes: Sequence[Change], *, trace: str = "") -> None:
        """Publish changes of one object.

        Raises:
            Transient: perhaps none, perhaps some were published.
            Misconfigured: the topic does not exist, or we may not publish to it.
        """
        attributes = {"traceparent": trace} if trace else {}
        self.publish_raw(list(codec.encode(changes, max_changes=self._max_changes)), attributes)

    def publish_raw(self, payloads: Sequence[bytes], attributes: Mapping[str, str]) -> None:
        """Publish bytes as they are. Raises as `publish` does."""
        from google.pubsub_v1 import PubsubMessage

        request: list[PubsubMessage] = []
        size = 0
        for payload in payloads:
            if request and size + len(payload) > MAX_REQUEST:
                self._send(request)
                request, size = [], 0
            request.append(PubsubMessage(data=payload, attributes=attributes))
            size += len(payload)
        if request:
            self._send(request)

    def _send(self, messages: list[PubsubMessage]) -> None:
        from google.api_core import exceptions
        from google.api_core.retry import Retry
        from google.pubsub_v1 import PublisherClient

        if self._client is None:
            self._client = PublisherClient()
        try:
            # The client's own policy would go on for ten minutes; whoever waits for us gives up long before.
            patience = Retry(initial=0.1, maximum=2.0, timeout=PUBLISH_SECONDS)
            self._client.publish(topic=self._name, messages=messages, retry=patience, timeout=PUBLISH_SECONDS)
        except (exceptions.NotFound, exceptions.PermissionDenied, exceptions.Unauthenticated) as exc:
            raise Misconfigured(
                "topic_refused", str(exc), f"Check that {self._name} exists and may be published to."
            ) from exc
        except (exceptions.GoogleAPIError, ValueError) as exc:
            raise Transient("publish_failed", str(exc), "Pub/Sub could not be reached; it is tried again.") from exc
