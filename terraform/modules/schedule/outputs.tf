output "job" {
  description = "The job's full name."
  value       = google_cloud_scheduler_job.this.id
}
