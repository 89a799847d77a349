"""The broker, put together: store, pushers and gRPC services on one port."""

from concurrent import futures
from pathlib import Path

import grpc

from tests.stack.broker import clock, publisher, subscriber
from tests.stack.broker.deliveries import Deliveries
from tests.stack.broker.publisher import Publisher
from tests.stack.broker.push import Pushers
from tests.stack.broker.store import Store
from tests.stack.broker.subscriber import Subscriber

THREADS = 128  #: each waiting pull and each stream holds one
MAX_RECEIVED_BYTES = 64 * 1024 * 1024  #: above Pub/Sub's limit, so that too much gets a proper refusal

OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second broker on the port must fail, not share it
    ("grpc.max_receive_message_length", MAX_RECEIVED_BYTES),
    ("grpc.max_send_message_length", -1),
    # client libraries ping idle streams more often than grpc's default allows
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


class Broker:
    """A running broker.

    Raises:
        RuntimeError: the port is taken.
        sqlite3.OperationalError: another broker holds the directory.
    """

    def __init__(self, directory: Path, port: int = 0, host: str = "127.0.0.1") -> None:
        """Start on `port` (0: any free one), with everything that `directory` remembers."""
        self._grpc = grpc.server(futures.ThreadPoolExecutor(THREADS, "rpc"), options=OPTIONS)
        self.port = self._grpc.add_insecure_port(f"{host}:{port}")
        self._store = Store(directory)
        deliveries = Deliveries(self._store)
        self._pushers = Pushers(self._store, deliveries)
        services = {
            publisher.SERVICE: Publisher(self._store, deliveries).methods(),
            subscriber.SERVICE: Subscriber(self._store, deliveries, self._pushers).methods(),
            clock.SERVICE: clock.clock_methods(self._store.clock, self._store.move_clock),
        }
        for name, methods in services.items():
            handler = grpc.method_handlers_generic_handler(name, methods)
            self._grpc.add_generic_rpc_handlers((handler,))
        self._pushers.start()
        self._grpc.start()

    def stop(self) -> None:
        """Stop answering, then close the store. What is in flight comes again after the next start."""
        self._pushers.stop()
        self._grpc.stop(grace=0).wait()
        self._store.close()
