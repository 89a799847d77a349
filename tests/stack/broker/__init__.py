"""A small local Pub/Sub: the same gRPC API to the same client library, stored before it is confirmed."""
