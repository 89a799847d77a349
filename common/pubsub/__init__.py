"""The Pub/Sub room: envelopes, base64 and Google's client live here and nowhere else."""
