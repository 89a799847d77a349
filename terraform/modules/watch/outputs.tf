locals {
  # Published prices differ; both are counted, and the policy's own page in the cloud shows the true one. Series times
  # evaluations: each is one point returned.
  references  = 1 + 3 + length(var.scheduled)
  series      = length(var.subscriptions.living) + 3 + length(var.scheduled)
  points      = local.series * 730 * 12
  by_metric   = local.references * 0.35 + local.points / 1000000 * 0.50
  by_policy   = 3 * 1.50 + local.points / 1000000 * 0.35
  alerts_cost = var.alerts.enabled ? format("$%.2f to $%.2f", min(local.by_metric, local.by_policy), max(local.by_metric, local.by_policy)) : "$0.00"
}

output "alerts_cost" {
  description = "What the alerts cost a month, by either of the two prices that Google has published."
  value       = local.alerts_cost
}

output "dashboards" {
  description = "Full names of the dashboards."
  value       = [for dashboard in google_monitoring_dashboard.this : dashboard.id]
}
