# Values are write-only: they pass through, and stand neither in the plan nor in the state. Six active versions are free.

variable "cloud_sql_password" {
  description = "Of the doors' role, with database.cloud_sql."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "console_database_url" {
  description = "A role with less power, for the console."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "database_direct_url" {
  description = "Past a transaction pooler, for a drainer that listens."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "database_url" {
  description = "postgresql://user:password@host:5432/name; through the pooler where there is one. Leave it out with database.cloud_sql."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.database_url == null || can(regex("^postgres(ql)?://[^/?#]+@[^/?#]+/.+", var.database_url))
    error_message = "database_url is postgresql://user:password@host:5432/name; in user and password write %2F for /, %40 for @, %23 for #, %3F for ?."
  }
}

variable "inbound" {
  description = "What the receivers ask of callers: org_id (00D...), secret_path (which only Salesforce knows), hmac_keys (one or two that sign webhooks and nudges)."
  type = object({
    hmac_keys   = list(string)
    org_id      = string
    secret_path = string
  })
  ephemeral = true
  sensitive = true

  validation {
    condition     = can(regex("^00D[a-zA-Z0-9]{12}([a-zA-Z0-9]{3})?$", var.inbound.org_id))
    error_message = "inbound.org_id is the org's id: 15 or 18 characters that begin with 00D (Setup, Company Information)."
  }

  validation {
    condition     = length(var.inbound.secret_path) >= 32
    error_message = "inbound.secret_path is the outbound messages' only guard besides the org id: 32 characters or more; `openssl rand -hex 32` makes one."
  }

  validation {
    condition     = length(var.inbound.hmac_keys) >= 1 && length(var.inbound.hmac_keys) <= 2 && alltrue([for key in var.inbound.hmac_keys : length(key) >= 32])
    error_message = "inbound.hmac_keys are one or two keys (two while they are rotated) of 32 characters or more; `openssl rand -hex 32` makes one."
  }
}

variable "salesforce" {
  description = "How to log in: { SF_LOGIN_URL = \"https://example.my.salesforce.com\", SF_CLIENT_ID = \"...\", SF_CLIENT_SECRET = \"...\" }, or another way of README.md's table."
  type        = map(string)
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = can(regex("^https://", var.salesforce["SF_LOGIN_URL"]))
    error_message = "salesforce needs SF_LOGIN_URL, the org's My Domain, such as https://example.my.salesforce.com."
  }
}

variable "secret_versions" {
  description = "Which secrets there are, and which edition each is: raise a number together with a new value, and the doors that read it are deployed anew. Names: CONSOLE_DATABASE_URL, DATABASE_DIRECT_URL, DATABASE_URL, INBOUND, SALESFORCE."
  type        = map(number)
  default     = { DATABASE_URL = 1, INBOUND = 1, SALESFORCE = 1 }
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.secret_versions), local.secret_names)) == 0 && length(setsubtract(["DATABASE_URL", "INBOUND", "SALESFORCE"], keys(var.secret_versions))) == 0
    error_message = "secret_versions needs DATABASE_URL, INBOUND and SALESFORCE, and may name ${join(", ", local.secret_names)}."
  }

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : version >= 1 && floor(version) == version])
    error_message = "secret_versions are whole numbers from 1 on."
  }
}

locals {
  secret_names = ["CONSOLE_DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_URL", "INBOUND", "SALESFORCE"]

  # The connector looks at user, password and name only; it finds the host by CLOUD_SQL_INSTANCE.
  cloud_sql_url = var.cloud_sql_password == null || var.cloud_sql_password == "" ? null : "postgresql://isthmus:${urlencode(var.cloud_sql_password)}@cloud-sql/isthmus"

  secret_values = {
    CONSOLE_DATABASE_URL = var.console_database_url
    DATABASE_DIRECT_URL  = var.database_direct_url
    DATABASE_URL         = var.database.cloud_sql == null ? var.database_url : local.cloud_sql_url
    INBOUND              = jsonencode(var.inbound)
    SALESFORCE           = jsonencode(var.salesforce)
  }
}

module "secret" {
  source   = "./modules/secret"
  for_each = var.secret_versions

  edition    = each.value
  labels     = local.labels
  name       = "${var.prefix}${lower(replace(each.key, "_", "-"))}"
  project_id = var.project_id
  region     = var.region
  value      = local.secret_values[each.key]
}
