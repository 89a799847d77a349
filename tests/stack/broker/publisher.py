"""google.pubsub.v1.Publisher: topics, and what is published to them."""

import grpc

from tests.stack.broker.checks import check_messages, check_topic
from tests.stack.broker.deliveries import Deliveries
from tests.stack.broker.errors import invalid
from tests.stack.broker.rpc import merged, page, unary
from tests.stack.broker.store import Store
from tests.stack.broker.wire import Empty, Message, Methods, Topic, pb

SERVICE = "google.pubsub.v1.Publisher"
MUTABLE = {"labels", "message_retention_duration", "message_storage_policy"}

PublishResponse = pb("PublishResponse")
ListTopicsResponse = pb("ListTopicsResponse")
ListTopicSubscriptionsResponse = pb("ListTopicSubscriptionsResponse")


class Publisher:
    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries

    def methods(self) -> Methods:
        return {
            "CreateTopic": unary(self.create, "Topic", Topic),
            "UpdateTopic": unary(self.update, "UpdateTopicRequest", Topic),
            "GetTopic": unary(self.get, "GetTopicRequest", Topic),
            "ListTopics": unary(self.list_all, "ListTopicsRequest", ListTopicsResponse),
            "ListTopicSubscriptions": unary(
                self.list_subscriptions, "ListTopicSubscriptionsRequest", ListTopicSubscriptionsResponse
            ),
            "DeleteTopic": unary(self.delete, "DeleteTopicRequest", Empty),
            "Publish": unary(self.publish, "PublishRequest", PublishResponse),
        }

    def create(self, request: Message, _: grpc.ServicerContext) -> Message:
        check_topic(request)
        self._store.create_topic(request)
        return request

    def update(self, request: Message, _: grpc.ServicerContext) -> Message:
        topic = self._store.topic(request.topic.name)
        paths = {path.split(".")[0] for path in request.update_mask.paths}
        if not paths or not paths <= MUTABLE:
            raise invalid(f"Invalid update_mask: it must name some of {', '.join(sorted(MUTABLE))}.")
        updated = merged(topic, request.topic, request.update_mask)
        check_topic(updated)
        self._store.update_topic(updated)
        return updated

    def get(self, request: Message, _: grpc.ServicerContext) -> Message:
        return self._store.topic(request.topic)

    def list_all(self, request: Message, _: grpc.ServicerContext) -> Message:
        topics = sorted(self._store.topics.values(), key=lambda topic: str(topic.name))
        mine = [topic for topic in topics if topic.name.startswith(f"{request.project}/")]
        found, following = page(mine, request)
        return ListTopicsResponse(topics=found, next_page_token=following)

    def list_subscriptions(self, request: Message, _: grpc.ServicerContext) -> Message:
        self._store.topic(request.topic)
        names = sorted(queue.name for queue in self._store.queues_of(request.topic))
        found, following = page(names, request)
        return ListTopicSubscriptionsResponse(subscriptions=found, next_page_token=following)

    def delete(self, request: Message, _: grpc.ServicerContext) -> Message:
        self._store.drop_topic(request.topic)
        return Empty()

    def publish(self, request: Message, _: grpc.ServicerContext) -> Message:
        self._store.topic(request.topic)
        check_messages(request.messages, request.ByteSize())
        return PublishResponse(message_ids=self._deliveries.publish(request.topic, request.messages))
