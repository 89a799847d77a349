variable "clients" {
  description = "Who may connect: name => IAM member."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether `terraform destroy` is refused."
  type        = bool
  default     = true
  nullable    = false
}

variable "disk_gb" {
  description = "Disk, GB; it grows by itself."
  type        = number
  default     = 10
  nullable    = false
}

variable "labels" {
  description = "Labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "password" {
  description = "Of the role isthmus."
  type        = string
  ephemeral   = true
  sensitive   = true
}

variable "password_edition" {
  description = "Raised with every new password."
  type        = number
}

variable "postgres" {
  description = "Postgres' version, as Cloud SQL names it."
  type        = string
  default     = "POSTGRES_17"
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

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "tier" {
  description = "The machine, such as db-f1-micro (shared core, 0.6 GB)."
  type        = string
  default     = "db-f1-micro"
  nullable    = false
}
