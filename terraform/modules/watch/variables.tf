variable "alerts" {
  description = "Who is told, and when: emails, slack_channel (#name) with slack_token_edition (raised with a new token), stuck_minutes (a message's age), quiet_hours (without a good run)."
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
}

variable "idle_minutes" {
  description = "How seldom the drainer looks at most, minutes (IDLE_MINUTES)."
  type        = number
  default     = 15
  nullable    = false
}

variable "prefix" {
  description = "Stands before every name."
  type        = string
  default     = ""
  nullable    = false
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "scheduled" {
  description = "Services that a schedule wakes."
  type        = list(string)
}

variable "services" {
  description = "All doors' services."
  type        = list(string)
}

variable "slack_token" {
  description = "A Slack bot's token; with alerts.slack_channel."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "subscriptions" {
  description = "Names of the subscriptions."
  type = object({
    dead   = list(string)
    living = list(string)
  })
}
