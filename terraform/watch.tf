variable "alerts" {
  description = <<-EOT
    Who is told when messages are stuck, changes are dead or a schedule's door does not run; the output alerts_cost says
    what that costs. emails; slack_channel (#name, with slack_token) and slack_token_edition (raised with a new token);
    stuck_minutes: a message's age; quiet_hours: without a good run; enabled = false: no alerts.
  EOT
  type = object({
    emails              = optional(set(string), [])
    enabled             = optional(bool, true)
    quiet_hours         = optional(number, 3)
    slack_channel       = optional(string)
    slack_token_edition = optional(number, 1)
    stuck_minutes       = optional(number, 15)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alerts.stuck_minutes >= 5 && var.alerts.quiet_hours >= 2 && var.alerts.quiet_hours <= 25
    error_message = "alerts.stuck_minutes is 5 or more, alerts.quiet_hours 2 to 25: reconcile runs once an hour, and Cloud Monitoring looks back a day."
  }
}

variable "budget" {
  description = "A budget for the project, with e-mails at half, nine tenths and all of it: billing_account (XXXXXX-XXXXXX-XXXXXX), amount a month in its currency."
  type        = object({ amount = optional(number, 10), billing_account = string, currency = optional(string) })
  default     = null
}

variable "slack_token" {
  description = "A Slack bot's token, with alerts.slack_channel."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

module "watch" {
  source = "./modules/watch"

  alerts       = var.alerts
  idle_minutes = tonumber(lookup(var.settings, "IDLE_MINUTES", "15"))
  prefix       = var.prefix
  project_id   = var.project_id
  scheduled    = sort([for name in keys(local.scheduled) : module.door[name].service])
  services     = [for door in module.door : door.service]
  slack_token  = var.slack_token

  subscriptions = {
    dead   = [for topic in module.topic : topic.subscriptions.dead]
    living = flatten([for topic in module.topic : topic.subscriptions.living])
  }
}

resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.prefix}isthmus"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(floor(var.budget.amount))
    }
  }

  dynamic "threshold_rules" {
    for_each = toset([0.5, 0.9, 1.0])

    content {
      threshold_percent = threshold_rules.value
    }
  }
}
