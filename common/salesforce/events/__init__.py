"""The Pub/Sub API: gRPC, Avro, bitmaps and replay ids live here and nowhere else."""
