# A Postgres of our own, for those who have none. The password passes through and is not in the state.

resource "google_sql_database_instance" "this" {
  project             = var.project_id
  name                = "${var.prefix}isthmus"
  region              = var.region
  database_version    = var.postgres
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE" # the only one with shared cores
    tier                        = var.tier
    availability_type           = "ZONAL"
    disk_size                   = var.disk_gb
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    connector_enforcement       = "REQUIRED" # no way in but Google's connector, with an IAM grant
    deletion_protection_enabled = var.deletion_protection
    user_labels                 = var.labels

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
    }

    ip_configuration {
      ipv4_enabled = true # without an authorised network: reached by the connector alone
      ssl_mode     = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }
  }
}

resource "google_sql_database" "this" {
  project  = var.project_id
  instance = google_sql_database_instance.this.name
  name     = "isthmus"
}

resource "google_sql_user" "this" {
  project             = var.project_id
  instance            = google_sql_database_instance.this.name
  name                = "isthmus"
  password_wo         = var.password
  password_wo_version = var.password_edition
  deletion_policy     = "ABANDON" # a role that owns tables cannot be dropped
}

resource "google_project_iam_member" "clients" {
  for_each = var.clients

  project = var.project_id
  role    = "roles/cloudsql.client"
  member  = each.value

  condition {
    title      = "isthmus"
    expression = "resource.type == \"sqladmin.googleapis.com/Instance\" && resource.name == \"projects/${var.project_id}/instances/${google_sql_database_instance.this.name}\""
  }
}
