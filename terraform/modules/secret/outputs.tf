output "secret" {
  description = "What a door needs to read it: id (short) and version (a number, so that a new value is a new deployment)."
  value = {
    id      = google_secret_manager_secret.this.secret_id
    version = google_secret_manager_secret_version.this.version
  }
}
