"""The wire of the Pub/Sub API: stubs generated from pubsub_api.proto (`make proto`)."""
