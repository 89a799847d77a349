output "build" {
  description = "What a door needs to be built: bucket, repository (id), account (id)."
  value = {
    account    = google_service_account.builder.name
    bucket     = google_storage_bucket.bundles.name
    repository = google_artifact_registry_repository.images.id
  }
  depends_on = [
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder,
    google_storage_bucket_iam_member.builder,
  ]
}
