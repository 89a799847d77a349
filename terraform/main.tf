# Wiring: each module is a thing; who meets whom stands in doors.tf.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  labels       = merge(var.labels, { app = "isthmus" })
  bundles      = var.bundles == "" ? "${path.module}/../build" : var.bundles
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  iap_agent    = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-iap.iam.gserviceaccount.com"

  derived_settings = ["CLOUD_SQL_INSTANCE", "CONSOLE_GOOGLE_CLIENT_ID", "CONSOLE_IAP_AUDIENCE", "CONSOLE_OPERATORS", "CONSOLE_ORIGIN", "CONSOLE_VIEWERS", "DATABASE_CA", "GOOGLE_CLOUD_PROJECT", "PREFIX", "PULL_STATE", "SCHEDULE_JOB", "THREADS"]

  settings = merge(var.settings, { GOOGLE_CLOUD_PROJECT = var.project_id, PREFIX = var.prefix })
  database_settings = merge(
    var.database.ca == "" ? {} : { DATABASE_CA = var.database.ca },
    var.database.cloud_sql == null ? {} : { CLOUD_SQL_INSTANCE = module.database[0].instance },
  )

  drain_job = "projects/${var.project_id}/locations/${var.region}/jobs/${var.prefix}drain"

  # Of two roles the console knows the one with less power.
  console_reads = contains(keys(var.secret_versions), "CONSOLE_DATABASE_URL") ? ["CONSOLE_DATABASE_URL", "SALESFORCE"] : ["DATABASE_URL", "SALESFORCE"]
  signs_in      = var.console != null && try(var.console.google_client_id, null) == null # Google does, in front of it

  console_settings = var.console == null ? {} : { for name, value in {
    CONSOLE_GOOGLE_CLIENT_ID = var.console.google_client_id
    CONSOLE_IAP_AUDIENCE     = local.signs_in ? "/projects/${data.google_project.this.number}/locations/${var.region}/services/${var.prefix}console" : null
    CONSOLE_OPERATORS        = join(",", sort(var.console.operators))
    CONSOLE_ORIGIN           = var.console.origin
    CONSOLE_VIEWERS          = join(",", sort(var.console.viewers))
  } : name => value if value != null && value != "" }
}

module "build" {
  source = "./modules/build"

  labels     = local.labels
  prefix     = var.prefix
  project_id = var.project_id
  region     = var.region
}

module "bookmarks" {
  source = "./modules/bookmarks"

  labels     = local.labels
  prefix     = var.prefix
  project_id = var.project_id
  region     = var.region
  users      = { for name, door in local.doors : name => module.door[name].member if door.bookmarks }
}

module "database" {
  source = "./modules/database"
  count  = var.database.cloud_sql == null ? 0 : 1

  clients             = { for name, door in local.doors : name => module.door[name].member if door.database }
  deletion_protection = var.database.cloud_sql.deletion_protection
  disk_gb             = var.database.cloud_sql.disk_gb
  labels              = local.labels
  password            = var.cloud_sql_password
  password_edition    = var.secret_versions["DATABASE_URL"]
  postgres            = var.database.cloud_sql.version
  prefix              = var.prefix
  project_id          = var.project_id
  region              = var.region
  tier                = var.database.cloud_sql.tier
}

module "door" {
  source   = "./modules/door"
  for_each = local.doors

  build      = module.build.build
  bundle     = "${local.bundles}/${each.key}.zip"
  iap_agent  = local.iap_agent
  labels     = local.labels
  name       = each.key
  people     = each.value.serves_pages && local.signs_in ? [for who in setunion(var.console.operators, var.console.viewers) : startswith(who, "@") ? "domain:${trimprefix(who, "@")}" : "user:${who}"] : []
  prefix     = var.prefix
  project_id = var.project_id
  public     = each.value.public || each.value.serves_pages && !local.signs_in
  public_by  = var.public_by
  region     = var.region
  runtime    = var.runtime
  secrets    = { for name in each.value.serves_pages ? local.console_reads : each.value.secrets : name => module.secret[name].secret if contains(keys(var.secret_versions), name) }

  schedule_rights = each.value.schedule_rights
  serves_pages    = each.value.serves_pages
  size            = { for key in ["concurrency", "cpu", "max_instances", "memory", "timeout_seconds"] : key => each.value[key] }

  environment = merge(
    local.settings,
    each.value.database ? local.database_settings : {},
    each.value.bookmarks ? { PULL_STATE = module.bookmarks.where } : {},
    length(each.value.schedule_rights) > 0 ? { SCHEDULE_JOB = local.drain_job } : {},
    each.value.serves_pages ? local.console_settings : {},
  )
}

module "topic" {
  source   = "./modules/topic"
  for_each = local.topics

  labels       = local.labels
  name         = "${var.prefix}${each.key}"
  project_id   = var.project_id
  publishers   = { for name, door in local.doors : name => module.door[name].member if contains(door.publishes, each.key) }
  pubsub_agent = local.pubsub_agent
  region       = var.region

  keeper = {
    ack_deadline_seconds = local.doors[local.keeper].timeout_seconds + 10
    caller               = module.door[local.keeper].caller
    door                 = local.keeper
    path                 = each.key
    uri                  = module.door[local.keeper].uri
  }

  readers = {
    for name, kind in local.readers[each.key] : replace(name, "_", "-") => {
      ack_deadline_seconds = local.doors[name].timeout_seconds + 10
      caller               = module.door[name].caller
      door                 = name
      kind                 = kind
      path                 = kind == "" ? "" : "work"
      uri                  = module.door[name].uri
    }
  }
}

module "schedule" {
  source   = "./modules/schedule"
  for_each = local.scheduled

  caller           = module.door[each.key].caller
  cron             = each.value.cron
  deadline_seconds = max(15, local.doors[each.key].timeout_seconds)
  door             = each.key
  name             = "${var.prefix}${each.value.name}"
  project_id       = var.project_id
  region           = var.region
  uri              = module.door[each.key].uri
}
