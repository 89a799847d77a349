variable "bundles" {
  description = "Folder with <door>.zip for every door, as `make bundle` writes it. Empty means build/ beside this folder."
  type        = string
  default     = ""
  nullable    = false
}

variable "console" {
  description = <<-EOT
    The page, or null for none. operators may change things, viewers may look: addresses, or @example.com for a domain.
    Google's Identity-Aware Proxy signs them in (the project must be in an organisation); with google_client_id the
    page is public and asks for Google's ID tokens of that client. origin: another origin whose page may call it.
  EOT
  type = object({
    google_client_id = optional(string)
    operators        = set(string)
    origin           = optional(string)
    viewers          = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.console == null || alltrue([for who in setunion(try(var.console.operators, []), try(var.console.viewers, [])) : can(regex("^[^@:[:space:]]*@[^@[:space:]]+[.][^@[:space:]]+$", who))])
    error_message = "console.operators and viewers are addresses (kim@example.com), or a domain with its @ (@example.com)."
  }

  validation {
    condition     = var.console == null || length(try(var.console.operators, [])) + length(try(var.console.viewers, [])) > 0
    error_message = "console names nobody: give operators, or viewers."
  }
}

variable "database" {
  description = <<-EOT
    Postgres. ca: the text of the CA that signs its certificate, where that is none of the usual ones (Supabase).
    max_connections: how many the doors may hold together. cloud_sql: an instance of ours, or null where DATABASE_URL
    leads to another one; disk in GB.
  EOT
  type = object({
    ca = optional(string, "")
    cloud_sql = optional(object({
      deletion_protection = optional(bool, true)
      disk_gb             = optional(number, 10)
      tier                = optional(string, "db-f1-micro")
      version             = optional(string, "POSTGRES_17")
    }))
    max_connections = optional(number, 40)
  })
  default  = {}
  nullable = false

  validation {
    condition     = local.connections <= var.database.max_connections
    error_message = "The doors may open ${local.connections} connections (instances x threads of each), more than max_connections = ${var.database.max_connections}. Lower max_instances or concurrency in sizes, or raise max_connections to what the database (or its pooler) allows."
  }
}

variable "labels" {
  description = "Labels of everything that takes them; they show in the bill."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "prefix" {
  description = "Stands before every name, so that a second deployment fits into one project: \"\" or such as \"staging-\"."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,7}-)?$", var.prefix))
    error_message = "prefix is empty, or up to 9 characters: a small letter, then small letters, digits and dashes, a dash at its end (account ids have 30 characters)."
  }
}

variable "project_id" {
  description = "The Google Cloud project."
  type        = string
}

variable "public_by" {
  description = "How the receivers are opened: \"grant\" (allUsers may invoke), or \"no_check\" (Cloud Run services without the invoker check) where an organisation's policy forbids allUsers."
  type        = string
  default     = "grant"
  nullable    = false

  validation {
    condition     = contains(["grant", "no_check"], var.public_by)
    error_message = "public_by is \"grant\" or \"no_check\"."
  }
}

variable "region" {
  description = "Where everything runs and lies. Free of charge: us-central1, us-east1, us-west1; in Seoul: asia-northeast3."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "runtime" {
  description = "Python of the doors."
  type        = string
  default     = "python313"
  nullable    = false
}

variable "settings" {
  description = "Environment variables for every door, such as { SLEEPY_DATABASE = \"true\", API_RESERVE = \"30\" }; README.md lists them. Secrets do not belong here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.settings), local.secret_names)) == 0
    error_message = "settings are readable by everybody who may see the project: give ${join(", ", local.secret_names)} by their own variables."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), local.derived_settings)) == 0
    error_message = "${join(", ", local.derived_settings)} follow from the rest of this configuration: leave them out of settings."
  }
}
