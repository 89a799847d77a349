variable "caller" {
  description = "The account's e-mail address that the call is signed with."
  type        = string
}

variable "cron" {
  description = "The first schedule, in UTC."
  type        = string
}

variable "deadline_seconds" {
  description = "How long an answer is waited for, seconds."
  type        = number

  validation {
    condition     = var.deadline_seconds >= 15 && var.deadline_seconds <= 1800
    error_message = "deadline_seconds must be 15 to 1800 (Cloud Scheduler's own limits)."
  }
}

variable "door" {
  description = "The door that is woken."
  type        = string
}

variable "name" {
  description = "The job's name."
  type        = string
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "Where the job lives."
  type        = string
}

variable "uri" {
  description = "The door's address."
  type        = string
}
