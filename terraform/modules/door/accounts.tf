# Two identities: what the door may do, and who may call it.

resource "google_service_account" "door" {
  project      = var.project_id
  account_id   = trim(substr("${var.prefix}${local.name}", 0, 30), "-")
  display_name = "Isthmus: ${var.name}"
}

resource "google_service_account" "caller" {
  count = local.private ? 1 : 0

  project      = var.project_id
  account_id   = trim(substr("${var.prefix}to-${local.name}", 0, 30), "-")
  display_name = "Isthmus: may call ${var.name}, and nothing else"
}

resource "google_secret_manager_secret_iam_member" "door" {
  for_each = var.secrets

  project   = var.project_id
  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${local.account}"
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = local.callers

  project  = var.project_id
  location = var.region
  name     = local.service
  role     = "roles/run.invoker"
  member   = each.value
}

# Cloud Scheduler knows no grants on one job. Who changes a job must also be allowed to use the account that it calls with:
# that one may call this door only.
resource "google_project_iam_custom_role" "schedules" {
  count = length(var.schedule_rights) > 0 ? 1 : 0

  project     = var.project_id
  role_id     = replace("${var.prefix}isthmus_${var.name}", "-", "_")
  title       = "Isthmus: what ${var.name} may do with schedules"
  permissions = [for right in sort(var.schedule_rights) : "cloudscheduler.jobs.${right}"]
}

resource "google_project_iam_member" "schedules" {
  count = length(var.schedule_rights) > 0 ? 1 : 0

  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.schedules[0].role_id}"
  member  = "serviceAccount:${local.account}"
}

resource "google_service_account_iam_member" "schedules" {
  count = contains(var.schedule_rights, "update") ? 1 : 0

  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.caller}"
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${local.account}"
}
