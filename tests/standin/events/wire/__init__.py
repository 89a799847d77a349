"""Salesforce's Pub/Sub API on the wire: our .proto, and the stubs generated from it (`make proto`)."""
