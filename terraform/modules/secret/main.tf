resource "google_secret_manager_secret" "this" {
  project   = var.project_id
  secret_id = var.name
  labels    = var.labels

  replication {
    user_managed {
      replicas { location = var.region } # one location: the price of one, and the value stays where the doors are
    }
  }
}

# The next edition exists before the doors are deployed anew, and the last one is destroyed after that.
resource "google_secret_manager_secret_version" "this" {
  secret                 = google_secret_manager_secret.this.id
  secret_data_wo         = var.value
  secret_data_wo_version = var.edition

  lifecycle {
    create_before_destroy = true
  }
}
