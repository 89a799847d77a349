# Replay ids, outside the database: whoever only looks whether there is work opens no connection.
resource "google_storage_bucket" "this" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.prefix}isthmus-bookmarks"
  location                    = var.region
  labels                      = var.labels
  force_destroy               = true # a lost bookmark is a gap that reconciling closes
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  soft_delete_policy { retention_duration_seconds = 0 } # each move overwrites: a week of them would be paid for
}

resource "google_storage_bucket_iam_member" "users" {
  for_each = var.users

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser" # overwriting an object needs the right to delete one
  member = each.value
}
