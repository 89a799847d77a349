# A Neon database of its own. NEON_API_KEY is read from the environment. The password is in this state: keep the state private.

variable "name" {
  description = "The project's name at Neon."
  type        = string
  default     = "isthmus"
}

variable "org_id" {
  description = "Neon's organisation, where the account has several."
  type        = string
  default     = null
}

variable "region" {
  description = "Neon's region, near the mesh's: aws-us-east-1, aws-ap-southeast-1, ..."
  type        = string
  default     = "aws-us-east-1"
}

resource "neon_project" "this" {
  name                      = var.name
  org_id                    = var.org_id
  region_id                 = var.region
  pg_version                = 17
  history_retention_seconds = 21600 # six hours, what the free plan keeps

  branch {
    database_name = "isthmus"
    role_name     = "isthmus"
  }

  default_endpoint_settings {
    autoscaling_limit_min_cu = 0.25
    autoscaling_limit_max_cu = 1
  }
}

output "database_url" {
  description = "DATABASE_URL: through the pooler."
  value       = neon_project.this.connection_uri_pooler
  sensitive   = true
}

output "database_direct_url" {
  description = "DATABASE_DIRECT_URL: past the pooler."
  value       = neon_project.this.connection_uri
  sensitive   = true
}
