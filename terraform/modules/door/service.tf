# The same archive as a Cloud Run service: for pages, and for receivers where a policy forbids allUsers.
resource "google_cloud_run_v2_service" "this" {
  count = local.is_function ? 0 : 1

  project              = var.project_id
  location             = var.region
  name                 = "${var.prefix}${local.name}"
  labels               = var.labels
  deletion_protection  = false # it holds no data
  ingress              = "INGRESS_TRAFFIC_ALL"
  iap_enabled          = length(var.people) > 0
  invoker_iam_disabled = var.public

  build_config {
    base_image               = local.base_image
    enable_automatic_updates = true # of the base image: patches without a deployment
    environment_variables    = { GOOGLE_PYTHON_VERSION = local.python }
    function_target          = var.serves_pages ? null : var.name # a page's bundle says in its Procfile how it starts
    image_uri                = "${var.region}-docker.pkg.dev/${var.project_id}/${basename(var.build.repository)}/${local.name}"
    service_account          = var.build.account
    source_location          = "gs://${var.build.bucket}/${google_storage_bucket_object.bundle.name}"
  }

  template {
    max_instance_request_concurrency = var.size.concurrency
    service_account                  = local.account
    timeout                          = "${var.size.timeout_seconds}s"

    scaling {
      min_instance_count = 0
      max_instance_count = var.size.max_instances
    }

    containers {
      base_image_uri = local.base_image
      image          = "${var.region}-docker.pkg.dev/${var.project_id}/${basename(var.build.repository)}/${local.name}"

      resources {
        cpu_idle          = true # paid for while it answers
        limits            = { cpu = var.size.cpu, memory = var.size.memory }
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.id
              version = env.value.version
            }
          }
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.door]
}

# Google sign-in in front of a page: these people pass, and only the one who signs them in may call.
resource "google_iap_web_cloud_run_service_iam_member" "people" {
  for_each = var.people

  project                = var.project_id
  location               = var.region
  cloud_run_service_name = local.service
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value
}
