output "subscriptions" {
  description = "Names of the subscriptions: living and dead."
  value = {
    dead   = google_pubsub_subscription.dead.name
    living = [for subscription in google_pubsub_subscription.readers : subscription.name]
  }
  depends_on = [google_pubsub_subscription_iam_member.readers, google_pubsub_topic_iam_member.publishers]
}
