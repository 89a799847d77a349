# Keyless deployment: GitHub's own token is exchanged for the deployer's, for one repository and one branch.

resource "google_iam_workload_identity_pool" "github" {
  count = var.github == null ? 0 : 1

  project                   = var.project_id
  workload_identity_pool_id = "isthmus-github"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  count = var.github == null ? 0 : 1

  project                            = var.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }

  attribute_condition = "assertion.repository_owner_id == '${var.github.owner_id}' && assertion.repository == '${var.github.repository}' && assertion.ref == '${var.github.ref}'"

  oidc { issuer_uri = "https://token.actions.githubusercontent.com" }
}

resource "google_service_account" "deployer" {
  count = var.github == null ? 0 : 1

  project      = var.project_id
  account_id   = "isthmus-deployer"
  display_name = "Isthmus: deploys from ${var.github.repository}"
}

resource "google_service_account_iam_member" "deployer" {
  count = var.github == null ? 0 : 1

  service_account_id = google_service_account.deployer[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/attribute.repository/${var.github.repository}"
}

# It makes accounts and grants, so it could grant itself anything in this project: give the mesh a project of its own.
resource "google_project_iam_member" "deployer" {
  for_each = var.github == null ? [] : toset([
    "artifactregistry.admin", "cloudfunctions.developer", "cloudscheduler.admin", "cloudsql.admin", "iam.roleAdmin",
    "iam.serviceAccountAdmin", "iam.serviceAccountUser", "iap.admin", "logging.configWriter", "monitoring.editor",
    "pubsub.admin", "resourcemanager.projectIamAdmin", "run.admin", "secretmanager.admin", "serviceusage.serviceUsageConsumer",
    "storage.admin",
  ])

  project = var.project_id
  role    = "roles/${each.key}"
  member  = google_service_account.deployer[0].member
}
