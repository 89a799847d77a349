# What ran out of attempts: kept for as long as Pub/Sub keeps anything, and pushed to the door that sends it on or keeps it.

resource "google_pubsub_topic" "dead" {
  project = var.project_id
  name    = "${var.name}-dead"
  labels  = var.labels

  message_storage_policy { allowed_persistence_regions = [var.region] }
}

resource "google_pubsub_topic_iam_member" "dead" {
  project = var.project_id
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

resource "google_pubsub_subscription" "dead" {
  project                    = var.project_id
  name                       = "${var.name}-dead"
  topic                      = local.dead_topic
  labels                     = merge(var.labels, { door = var.keeper.door })
  ack_deadline_seconds       = var.keeper.ack_deadline_seconds
  message_retention_duration = "2678400s" # 31 days, the longest there is

  expiration_policy { ttl = "" }

  retry_policy {
    minimum_backoff = "600s" # a message waits here for its next round
    maximum_backoff = "600s"
  }

  push_config {
    push_endpoint = "${var.keeper.uri}/${var.keeper.path}"

    oidc_token {
      service_account_email = var.keeper.caller
      audience              = var.keeper.uri
    }
  }
}

locals {
  dead_topic = "projects/${var.project_id}/topics/${google_pubsub_topic.dead.name}"
}
