locals {
  # What the files in dashboards/ and the alerts' queries leave open.
  names = {
    prefix        = var.prefix
    services      = join("|", sort(var.services))
    subscriptions = join("|", sort(concat(var.subscriptions.living, var.subscriptions.dead)))
    living        = join("|", sort(var.subscriptions.living))
    dead          = join("|", sort(var.subscriptions.dead))
  }
}

resource "google_monitoring_dashboard" "this" {
  for_each = fileset("${path.module}/dashboards", "*.json")

  project        = var.project_id
  dashboard_json = templatefile("${path.module}/dashboards/${each.key}", local.names)

  depends_on = [google_logging_metric.this]
}
