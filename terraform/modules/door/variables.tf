variable "build" {
  description = "How it is built: account and repository (ids), bucket."
  type = object({
    account    = string
    bucket     = string
    repository = string
  })
}

variable "bundle" {
  description = "The archive's path."
  type        = string
}

variable "environment" {
  description = "Settings that are no secrets."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "iap_agent" {
  description = "The account of Google's sign-in in this project, as an IAM member; needed with people."
  type        = string
  default     = ""
  nullable    = false
}

variable "labels" {
  description = "Labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "The door: its folder, and its function in main.py."
  type        = string
}

variable "people" {
  description = "IAM members who may open a page through Google sign-in."
  type        = set(string)
  default     = []
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

variable "public" {
  description = "Anybody may call: the door itself checks the caller."
  type        = bool
  default     = false
  nullable    = false
}

variable "public_by" {
  description = "How a public door is opened: grant, or no_check."
  type        = string
  default     = "grant"
  nullable    = false
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "runtime" {
  description = "Its Python."
  type        = string
}

variable "schedule_rights" {
  description = "What it may do with Cloud Scheduler jobs: get, update, list, pause, enable, run."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "secrets" {
  description = "Settings that are secrets, by variable: id and version."
  type        = map(object({ id = string, version = string }))
  default     = {}
  nullable    = false
}

variable "serves_pages" {
  description = "Whether people open it: then it is a Cloud Run service, before which Google can sign them in."
  type        = bool
  default     = false
  nullable    = false
}

variable "size" {
  description = "cpu (vCPU), memory, concurrency (requests at a time in an instance), max_instances, timeout_seconds (of one request)."
  type = object({
    concurrency     = number
    cpu             = string
    max_instances   = number
    memory          = string
    timeout_seconds = number
  })

  validation {
    condition     = var.size.max_instances >= 1 && var.size.concurrency >= 1
    error_message = "max_instances and concurrency are 1 or more."
  }
}
