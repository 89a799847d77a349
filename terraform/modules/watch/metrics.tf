# Our own log lines as metrics; metrics.json says the same as common/metrics.py, and a test holds it to that.

locals {
  metrics  = jsondecode(file("${path.module}/metrics.json"))
  services = join(" OR ", formatlist("\"%s\"", sort(var.services)))
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  project = var.project_id
  name    = "${var.prefix}${each.key}"

  filter = join(" AND ", concat(
    ["resource.type=\"cloud_run_revision\"", "resource.labels.service_name=(${local.services})", "jsonPayload.event=\"${each.value.event}\""],
    [for key, value in each.value.only : "jsonPayload.${key}=\"${value}\""],
  ))

  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }
  value_extractor  = each.value.key == "" ? null : "EXTRACT(jsonPayload.${each.value.key})"

  metric_descriptor {
    display_name = each.value.help
    metric_kind  = "DELTA"
    value_type   = each.value.key == "" ? "INT64" : "DISTRIBUTION"
    unit         = each.value.unit

    dynamic "labels" {
      for_each = toset(each.value.labels)

      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = each.value.key == "" ? [] : ["powers of two, from 1 to 4 thousand million"]

    content {
      exponential_buckets {
        growth_factor      = 2
        num_finite_buckets = 32
        scale              = 1
      }
    }
  }
}
