variable "keeper" {
  description = "The door that gets the dead letters; see readers."
  type = object({
    ack_deadline_seconds = number
    caller               = string
    door                 = string
    path                 = string
    uri                  = string
  })
}

variable "labels" {
  description = "Labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "max_delivery_attempts" {
  description = "Attempts before a message goes to the dead letters. A hundred take about 16 hours."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "max_delivery_attempts must be 5 to 100 (Pub/Sub's own limits)."
  }
}

variable "name" {
  description = "The topic's whole name."
  type        = string
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "publishers" {
  description = "Who may publish: name => IAM member."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "pubsub_agent" {
  description = "Pub/Sub's own account in this project, as an IAM member: it moves messages to the dead letters."
  type        = string
}

variable "readers" {
  description = "Push subscriptions, by name. kind: which kind of work alone, or \"\". caller: the account's e-mail address that the push is signed with."
  type = map(object({
    ack_deadline_seconds = number
    caller               = string
    door                 = string
    kind                 = optional(string, "")
    path                 = optional(string, "")
    uri                  = string
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for reader in values(var.readers) : reader.ack_deadline_seconds >= 10 && reader.ack_deadline_seconds <= 600])
    error_message = "ack_deadline_seconds must be 10 to 600 (Pub/Sub's own limits)."
  }
}

variable "region" {
  description = "The one region in which messages are kept."
  type        = string
}

variable "retention_days" {
  description = "How long a message waits for its reader, days; a paused mapping's messages too."
  type        = number
  default     = 31
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 31
    error_message = "retention_days must be 1 to 31 (Pub/Sub's own limit)."
  }
}
