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
  description = "Where they lie."
  type        = string
}

variable "users" {
  description = "Who reads and moves them: name => IAM member."
  type        = map(string)
  default     = {}
  nullable    = false
}
