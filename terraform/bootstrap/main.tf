# Once for a project: what the mesh cannot be made without.

locals {
  apis = toset([
    "artifactregistry", "billingbudgets", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "cloudscheduler", "iam",
    "iamcredentials", "iap", "logging", "monitoring", "pubsub", "run", "secretmanager", "serviceusage", "sqladmin",
    "storage", "sts",
  ])
}

resource "google_project_service" "this" {
  for_each = local.apis

  project            = var.project_id
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # others may use it
}

# Grants to an agent that does not exist yet are refused, and an API that was just enabled answers after a minute: making
# the agent waits for both. No stable resource of the provider does this; gcloud does (Cloud Shell has it).
resource "terraform_data" "agents" {
  for_each = toset(["iap", "pubsub"])

  triggers_replace = [var.project_id]

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    environment = { PROJECT = var.project_id, SERVICE = "${each.key}.googleapis.com" }
    command     = <<-EOT
      command -v gcloud >/dev/null || { echo "gcloud is not here: run this in Cloud Shell, or install Google Cloud's CLI (https://cloud.google.com/sdk)." >&2; exit 1; }
      for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
        gcloud beta services identity create --service="$SERVICE" --project="$PROJECT" --quiet && exit 0
        echo "$SERVICE is not there yet: next try in ten seconds"
        sleep 10
      done
      echo "$SERVICE gave no account in two minutes: see the message above, and apply again." >&2
      exit 1
    EOT
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket" "state" {
  project                     = var.project_id
  name                        = "${var.project_id}-isthmus-state"
  location                    = var.region
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  versioning { enabled = true } # a state that was broken is taken back

  lifecycle_rule {
    action { type = "Delete" }
    condition { num_newer_versions = 20 }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}
