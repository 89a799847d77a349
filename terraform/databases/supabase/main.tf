# A Supabase database of its own. SUPABASE_ACCESS_TOKEN is read from the environment. The password is in this state: keep the
# state private.

variable "database_password" {
  description = "Of the role postgres: letters and digits, so that it needs no escaping in an address."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9]{20,}$", var.database_password))
    error_message = "database_password has 20 or more letters and digits; `openssl rand -hex 20` makes one."
  }
}

variable "name" {
  description = "The project's name at Supabase."
  type        = string
  default     = "isthmus"
}

variable "organization_id" {
  description = "Supabase's organisation (its slug)."
  type        = string
}

variable "region" {
  description = "Supabase's region, near the mesh's: us-east-1, ap-northeast-2 (Seoul), ..."
  type        = string
  default     = "us-east-1"
}

resource "supabase_project" "this" {
  organization_id   = var.organization_id
  name              = var.name
  region            = var.region
  database_password = var.database_password

  lifecycle {
    ignore_changes = [instance_size] # the plan is a person's choice
  }
}

data "supabase_pooler" "this" {
  project_ref = supabase_project.this.id
}

locals {
  # Supabase tells the pooler's address with a place left open for the password; 6543 pools transactions, 5432 sessions.
  address = replace(data.supabase_pooler.this.url["transaction"], "[YOUR-PASSWORD]", var.database_password)
}

output "database_url" {
  description = "DATABASE_URL: the transaction pooler."
  value       = local.address
  sensitive   = true
}

output "database_direct_url" {
  description = "DATABASE_DIRECT_URL: the session pooler; the database itself is reached by IPv6 alone."
  value       = replace(local.address, ":6543/", ":5432/")
  sensitive   = true
}
