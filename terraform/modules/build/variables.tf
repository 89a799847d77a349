variable "labels" {
  description = "Labels."
  type        = map(string)
  default     = {}
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
  description = "Where bundles and images lie."
  type        = string
}
