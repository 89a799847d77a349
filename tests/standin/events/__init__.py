"""Change events and platform events, over Salesforce's Pub/Sub API."""
