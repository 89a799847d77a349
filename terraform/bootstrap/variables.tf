variable "github" {
  description = <<-EOT
    Lets one GitHub repository's main branch deploy without a key: owner_id (its number: `gh api users/OWNER --jq .id`),
    repository (owner/name), ref. null: people deploy.
  EOT
  type = object({
    owner_id   = string
    ref        = optional(string, "refs/heads/main")
    repository = string
  })
  default = null

  validation {
    condition     = var.github == null || can(regex("^[0-9]+$", var.github.owner_id)) && can(regex("^[^/]+/[^/]+$", var.github.repository))
    error_message = "github.owner_id is a number (names can be taken over, numbers cannot), github.repository is owner/name."
  }
}

variable "project_id" {
  description = "The Google Cloud project. It exists, and has a billing account."
  type        = string
}

variable "region" {
  description = "Where the state's bucket lies."
  type        = string
  default     = "us-central1"
  nullable    = false
}
