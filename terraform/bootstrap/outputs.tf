output "backend" {
  description = "Where the mesh's state is kept: `terraform output -raw backend > ../backend.tf`."
  value       = <<-EOT
    terraform {
      backend "gcs" {
        bucket = "${google_storage_bucket.state.name}"
        prefix = "isthmus"
      }
    }
  EOT
}

output "ci" {
  description = "What google-github-actions/auth is told: workload_identity_provider and service_account; null without github."
  value = var.github == null ? null : {
    service_account            = google_service_account.deployer[0].email
    workload_identity_provider = google_iam_workload_identity_pool_provider.github[0].name
  }
}
