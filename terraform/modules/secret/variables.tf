variable "edition" {
  description = "Raised with every new value: the value itself is not in the state, so nothing else shows that it changed."
  type        = number
}

variable "labels" {
  description = "Labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "The secret's id."
  type        = string
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "Where the value is kept."
  type        = string
}

variable "value" {
  description = "The value. It is written, and kept nowhere else."
  type        = string
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.value != null && var.value != ""
    error_message = "This secret is named in secret_versions, but its value is not set: set the variable of the same name in small letters, as TF_VAR_... or in a file that stays out of git (with database.cloud_sql, cloud_sql_password)."
  }
}
