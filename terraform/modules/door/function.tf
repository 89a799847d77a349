resource "google_cloudfunctions2_function" "this" {
  count = local.is_function ? 1 : 0

  project  = var.project_id
  location = var.region
  name     = "${var.prefix}${local.name}"
  labels   = var.labels

  build_config {
    runtime           = var.runtime
    entry_point       = var.name
    service_account   = var.build.account
    docker_repository = var.build.repository

    source {
      storage_source {
        bucket = var.build.bucket
        object = google_storage_bucket_object.bundle.name
      }
    }
  }

  service_config {
    service_account_email            = local.account
    available_cpu                    = var.size.cpu
    available_memory                 = var.size.memory
    max_instance_count               = var.size.max_instances
    max_instance_request_concurrency = var.size.concurrency
    min_instance_count               = 0
    timeout_seconds                  = var.size.timeout_seconds
    ingress_settings                 = var.public ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    environment_variables            = local.environment

    dynamic "secret_environment_variables" {
      for_each = var.secrets

      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value.id
        version    = secret_environment_variables.value.version
      }
    }
  }

  # It does not start before it may read its secrets.
  depends_on = [google_secret_manager_secret_iam_member.door]
}
