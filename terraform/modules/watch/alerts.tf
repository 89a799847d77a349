# Three alerts, each with one condition over everything: conditions and the metrics that they name are what costs.

locals {
  channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.id],
    google_monitoring_notification_channel.slack[*].id,
  )

  # A drainer that looks once a day is not stuck; Cloud Monitoring looks back 25 hours at most.
  quiet_hours = min(25, max(var.alerts.quiet_hours, ceil(2 * var.idle_minutes / 60)))

  alerts = {
    stuck = {
      says    = "A message has waited for ${var.alerts.stuck_minutes} minutes"
      minutes = 5
      todo    = "Its door refuses it, or is not there. `isthmus doctor` names the cause; the doors' log lines with event=trouble say why. A paused mapping's messages wait by wish: snooze this alert for as long. Nothing is lost: it is tried a hundred times, and sent on again after that."
    }
    dead = {
      says    = "Changes are among the dead letters"
      minutes = 0
      todo    = "`isthmus failures list` and `isthmus dead-letters list --by-reason` say what Salesforce or Postgres refused, in their own words, and what to do. Mend the cause, then `replay` or `retry`."
    }
    no_run = {
      says    = "A schedule's door has not run well for ${local.quiet_hours} hours"
      minutes = 0
      todo    = "Is the job paused (Cloud Scheduler), the door deployed, its secrets there? `isthmus doctor` asks all of it. Edits gather in the change log meanwhile, and change events are kept by Salesforce for three days."
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alerts.emails

  project      = var.project_id
  display_name = "${var.prefix}isthmus: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
}

resource "google_monitoring_notification_channel" "slack" {
  count = var.alerts.slack_channel == null ? 0 : 1

  project      = var.project_id
  display_name = "${var.prefix}isthmus: ${var.alerts.slack_channel}"
  type         = "slack"
  labels       = { channel_name = var.alerts.slack_channel }

  sensitive_labels {
    auth_token_wo         = var.slack_token
    auth_token_wo_version = var.alerts.slack_token_edition
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = var.alerts.enabled ? local.alerts : {}

  project               = var.project_id
  display_name          = "${var.prefix}isthmus ${replace(each.key, "_", " ")}: ${each.value.says}"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = each.key == "dead" ? "WARNING" : "CRITICAL"

  conditions {
    display_name = each.value.says

    condition_prometheus_query_language {
      query = trimspace(templatefile("${path.module}/alerts/${each.key}.promql", merge(local.names, {
        quiet_hours   = local.quiet_hours
        scheduled     = var.scheduled
        stuck_seconds = var.alerts.stuck_minutes * 60
      })))
      duration            = "${each.value.minutes * 60}s"
      evaluation_interval = "300s"
    }
  }

  documentation {
    content   = each.value.todo
    mime_type = "text/markdown"
  }

  alert_strategy { auto_close = "3600s" }

  depends_on = [google_logging_metric.this]
}
