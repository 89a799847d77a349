output "where" {
  description = "PULL_STATE."
  value       = "gs://${google_storage_bucket.this.name}/replay"
}
