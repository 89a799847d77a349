# Warnings, not refusals: what is asked for is made all the same.

check "free_region" {
  assert {
    condition     = contains(["us-central1", "us-east1", "us-west1"], var.region)
    error_message = "${var.region} is outside Google's free regions: 5 GB of Cloud Storage are free only in us-central1, us-east1 and us-west1 (bundles and replay ids are some 50 MB: about $0.01 a month). Functions, Pub/Sub, Scheduler and secrets keep their free allowances."
  }
}

check "free_schedules" {
  assert {
    condition     = length(local.scheduled) <= 3
    error_message = "${length(local.scheduled)} Cloud Scheduler jobs: three are free for a billing account, each further one is $0.10 a month."
  }
}

check "free_secrets" {
  assert {
    condition     = length(var.secret_versions) <= 6
    error_message = "${length(var.secret_versions)} secrets: six active versions are free for a billing account, each further one is $0.06 a month."
  }
}

check "console_role" {
  assert {
    condition     = var.console == null || contains(keys(var.secret_versions), "CONSOLE_DATABASE_URL")
    error_message = "The console uses the doors' own database role. Make one with less power and name CONSOLE_DATABASE_URL in secret_versions."
  }
}

check "somebody_is_told" {
  assert {
    condition     = !var.alerts.enabled || length(var.alerts.emails) > 0 || var.alerts.slack_channel != null
    error_message = "The alerts tell nobody: name alerts.emails or alerts.slack_channel, or set alerts.enabled = false and pay nothing for them."
  }
}
