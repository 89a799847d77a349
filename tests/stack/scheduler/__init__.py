"""A Cloud Scheduler for one machine: the same gRPC API to the same client library, on a clock that can be moved."""
