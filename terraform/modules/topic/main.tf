# A topic with its readers, its dead letters, and every grant that either needs.

resource "google_pubsub_topic" "this" {
  project = var.project_id
  name    = var.name
  labels  = var.labels

  message_storage_policy { allowed_persistence_regions = [var.region] }
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = var.publishers

  project = var.project_id
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

resource "google_pubsub_subscription" "readers" {
  for_each = var.readers

  project                    = var.project_id
  name                       = "${var.name}-${each.key}"
  topic                      = "projects/${var.project_id}/topics/${google_pubsub_topic.this.name}"
  labels                     = merge(var.labels, { door = each.value.door })
  filter                     = each.value.kind == "" ? null : "attributes.kind = \"${each.value.kind}\""
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "${var.retention_days * 86400}s"

  expiration_policy { ttl = "" } # else a mesh that is quiet for a month loses its subscriptions

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = local.dead_topic
    max_delivery_attempts = var.max_delivery_attempts
  }

  push_config {
    push_endpoint = "${each.value.uri}/${each.value.path}"

    oidc_token {
      service_account_email = each.value.caller
      audience              = each.value.uri
    }
  }

  # Without them a message that ran out of attempts would be sent for ever.
  depends_on = [google_pubsub_topic_iam_member.dead, google_pubsub_subscription.dead]
}

resource "google_pubsub_subscription_iam_member" "readers" {
  for_each = var.readers

  project      = var.project_id
  subscription = google_pubsub_subscription.readers[each.key].name
  role         = "roles/pubsub.subscriber" # to acknowledge here what it published to the dead letters
  member       = var.pubsub_agent

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.readers[each.key].id]
  }
}
