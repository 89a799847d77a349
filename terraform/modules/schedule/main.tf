resource "google_cloud_scheduler_job" "this" {
  project          = var.project_id
  region           = var.region
  name             = var.name
  schedule         = var.cron
  time_zone        = "Etc/UTC"
  attempt_deadline = "${var.deadline_seconds}s"

  retry_config { retry_count = 0 } # the next run is the retry

  http_target {
    http_method = "POST"
    uri         = "${var.uri}/"

    oidc_token {
      service_account_email = var.caller
      audience              = var.uri
    }
  }

  # The drainer sets its own; a person may change or pause any of them, and keeps it so.
  lifecycle {
    ignore_changes = [paused, schedule, time_zone]
  }
}
