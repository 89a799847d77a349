# Where bundles lie, who builds them, and where the images go that come of it.

resource "google_storage_bucket" "bundles" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.prefix}isthmus-bundles"
  location                    = var.region
  labels                      = var.labels
  force_destroy               = true # made anew by `make bundle`
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  soft_delete_policy { retention_duration_seconds = 0 } # else deleted bundles are paid for a week longer
}

resource "google_artifact_registry_repository" "images" {
  project                = var.project_id
  repository_id          = "${var.prefix}isthmus"
  location               = var.region
  format                 = "DOCKER"
  labels                 = var.labels
  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep-one-to-go-back-to"
    action = "KEEP"
    most_recent_versions { keep_count = 2 }
  }

  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"
    condition { older_than = "86400s" }
  }
}

resource "google_service_account" "builder" {
  project      = var.project_id
  account_id   = "${var.prefix}isthmus-builder"
  display_name = "Isthmus: builds the doors"
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.bundles.name
  role   = "roles/storage.objectViewer"
  member = local.builder
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = local.builder
}

resource "google_project_iam_member" "builder" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = local.builder
}

locals {
  # Names that we give are known before anything exists, so that a plan shows who gets what.
  builder = "serviceAccount:${google_service_account.builder.account_id}@${var.project_id}.iam.gserviceaccount.com"
}
