"""Topics and subscriptions, examined: there, pushed, dead-lettered, never expiring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from common.finding import Finding, ok, problem, skipped, warning

if TYPE_CHECKING:  # late where it is used: half of a command's start
    from google.pubsub_v1 import PublisherClient, SubscriberClient
    from google.pubsub_v1.types import Subscription

CALL_SECONDS = 20.0
APPLY = "Deploy again: `make deploy` makes what is missing."
LOOK = "Grant whoever looks roles/pubsub.viewer on the project, or log in: `gcloud auth application-default login`."


def topics(
    names: Sequence[str], publisher: PublisherClient | None = None, subscriber: SubscriberClient | None = None
) -> Iterator[Finding]:
    """Each topic with its readers, and its dead letters with theirs.

    Args:
        names: Full names of the living topics.
    """
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError
    from google.pubsub_v1 import PublisherClient, SubscriberClient

    try:
        asked = publisher or PublisherClient(), subscriber or SubscriberClient()
        for name in names:
            yield from _topic(name, *asked)
    except (exceptions.PermissionDenied, exceptions.Unauthenticated, GoogleAuthError) as exc:
        yield skipped("topics", str(exc), LOOK)
    except exceptions.GoogleAPIError as exc:
        yield problem("topics", f"Pub/Sub does not answer: {exc}", "Look again in a minute.")


def _topic(name: str, publisher: PublisherClient, subscriber: SubscriberClient) -> Iterator[Finding]:
    from google.api_core.exceptions import NotFound

    short, faults = name.rsplit("/", 1)[-1], 0
    for topic in (name, f"{name}-dead"):
        try:
            listed = list(publisher.list_topic_subscriptions(topic=topic, timeout=CALL_SECONDS))
        except NotFound:
            yield problem("topics", f"{topic} does not exist", f"Check GOOGLE_CLOUD_PROJECT and PREFIX. {APPLY}")
            return
        if not listed:
            faults += 1
            yield problem("topics", f"nobody reads {topic}: its messages are lost", APPLY)
        for subscription in listed:
            held = subscriber.get_subscription(subscription=subscription, timeout=CALL_SECONDS)
            found = list(_subscription(held, living=topic == name))
            faults += len(found)
            yield from found
    if not faults:
        yield ok("topics", f"{short} and its dead letters have readers")


def _subscription(held: Subscription, *, living: bool) -> Iterator[Finding]:
    if not held.push_config.push_endpoint:
        yield warning(
            "topics", f"{held.name} pushes to nobody: its messages wait", f"Delete it if nobody pulls from it. {APPLY}"
        )
    if living and not held.dead_letter_policy.dead_letter_topic:
        yield warning(
            "topics", f"{held.name} has no dead letters: a message that is refused comes again for ever", APPLY
        )
