# The mesh as one map: from it follow functions, topics, subscriptions, schedules, accounts and grants.
# Numbers are tuned with `sizes`; who reads and publishes what is the design of the doors themselves.

variable "doors" {
  description = "Each door by its folder's name: what wakes it, what it may reach, how large it is."
  type = map(object({
    bookmarks          = optional(bool, false)     # reads and writes replay ids
    concurrency        = optional(number, 1)       # requests at a time in one instance; its threads
    cpu                = optional(string, "1")     # vCPU; below 1 only with concurrency 1
    database           = optional(bool, false)     # opens one connection per thread
    keeps_dead_letters = optional(bool, false)     # reads every topic's dead letters
    max_instances      = optional(number, 1)       #
    memory             = optional(string, "512Mi") #
    public             = optional(bool, false)     # anybody may call; it checks the caller itself
    publishes          = optional(set(string), []) # topics
    reads              = optional(map(string), {}) # topic => kind of work, "" where all of it
    schedule           = optional(object({ name = string, cron = string }))
    schedule_rights    = optional(set(string), []) # on Cloud Scheduler jobs: get, update, ...
    secrets            = optional(set(string), []) # names of environment variables
    serves_pages       = optional(bool, false)     # people open it: a Cloud Run service, not a function
    timeout_seconds    = optional(number, 60)      # of one request; the acknowledgement deadline is longer
  }))
  nullable = false

  default = {
    receive_outbound_message = {
      public        = true
      publishes     = ["salesforce-changes"]
      secrets       = ["INBOUND"]
      concurrency   = 8
      max_instances = 4
    }
    receive_webhook = {
      public        = true
      publishes     = ["salesforce-changes", "work"]
      secrets       = ["INBOUND"]
      concurrency   = 8
      max_instances = 4
    }
    pull_change_events = {
      schedule  = { name = "pull", cron = "* * * * *" }
      publishes = ["salesforce-changes", "work"]
      secrets   = ["SALESFORCE"]
      bookmarks = true
      cpu       = "0.333" # it waits for two of its seconds; a whole vCPU would cost three times as much
    }
    upsert_postgres = {
      reads           = { "salesforce-changes" = "" }
      publishes       = ["salesforce-changes"]
      secrets         = ["DATABASE_URL", "SALESFORCE"]
      database        = true
      concurrency     = 4
      max_instances   = 3
      timeout_seconds = 120
    }
    drain_change_log = {
      schedule        = { name = "drain", cron = "* * * * *" }
      reads           = { work = "nudge" }
      publishes       = ["postgres-changes", "work"]
      secrets         = ["DATABASE_DIRECT_URL", "DATABASE_URL"]
      database        = true
      schedule_rights = ["get", "update"] # it sets its own job's schedule
      concurrency     = 8                 # nudges that wait for one drain are one drain
      max_instances   = 1                 # a second one would set the schedule by what it alone has seen
    }
    upsert_salesforce = {
      reads           = { "postgres-changes" = "", work = "bulk_poll" }
      publishes       = ["work"]
      secrets         = ["DATABASE_URL", "SALESFORCE"]
      database        = true
      concurrency     = 4
      max_instances   = 2 # its lanes, and with them SALESFORCE_CALLS, are each instance's own
      timeout_seconds = 540
    }
    keep_dead_letters = {
      keeps_dead_letters = true
      publishes          = ["postgres-changes", "salesforce-changes", "work"]
      secrets            = ["DATABASE_URL"]
      database           = true
      concurrency        = 2
    }
    reconcile = {
      bookmarks       = true # settles wishes to compare; looks from there whether a database may sleep on
      schedule        = { name = "reconcile", cron = "17 * * * *" }
      reads           = { work = "resync" }
      publishes       = ["salesforce-changes", "work"]
      secrets         = ["DATABASE_URL", "SALESFORCE"]
      database        = true
      concurrency     = 2
      timeout_seconds = 540
    }
    backfill = {
      reads           = { work = "backfill" }
      publishes       = ["salesforce-changes", "work"]
      secrets         = ["DATABASE_URL", "SALESFORCE"]
      database        = true
      max_instances   = 2
      timeout_seconds = 540
    }
    console = {
      serves_pages    = true
      bookmarks       = true
      schedule_rights = ["enable", "get", "list", "pause", "run"] # people pause and wake
      publishes       = ["postgres-changes", "salesforce-changes", "work"]
      secrets         = ["CONSOLE_DATABASE_URL", "DATABASE_URL", "SALESFORCE"]
      database        = true
      concurrency     = 4
      max_instances   = 1
    }
  }

  validation {
    condition     = alltrue([for door in values(var.doors) : door.concurrency == 1 || tonumber(door.cpu) >= 1])
    error_message = "A door that takes several requests at a time needs cpu = \"1\" or more (Cloud Run's own rule)."
  }

  validation {
    condition     = alltrue([for door in values(var.doors) : door.timeout_seconds >= 1 && door.timeout_seconds <= 540])
    error_message = "timeout_seconds must be 1 to 540: Pub/Sub waits 600 seconds at most for an acknowledgement."
  }
}

variable "sizes" {
  description = "Other sizes for doors, by name: cpu (vCPU), memory, concurrency (requests an instance), max_instances, timeout_seconds."
  type = map(object({
    concurrency     = optional(number)
    cpu             = optional(string)
    max_instances   = optional(number)
    memory          = optional(string)
    timeout_seconds = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.sizes) : contains(keys(var.doors), name)])
    error_message = "sizes names a door that does not exist; doors are: ${join(", ", keys(var.doors))}."
  }

  validation {
    condition     = try(var.sizes["drain_change_log"].max_instances, null) == null || try(var.sizes["drain_change_log"].max_instances, 1) == 1
    error_message = "drain_change_log is one instance at most: it sets its own schedule by what it has seen."
  }
}

locals {
  doors = {
    for name, door in var.doors : name => merge(door, {
      for key, value in try(var.sizes[name], {}) : key => value if value != null
    }) if !door.serves_pages || var.console != null
  }

  topics = toset(["postgres-changes", "salesforce-changes", "work"])

  # topic => door => kind of work
  readers = {
    for topic in local.topics : topic => {
      for name, door in local.doors : name => door.reads[topic] if contains(keys(door.reads), topic)
    }
  }

  scheduled   = { for name, door in local.doors : name => door.schedule if door.schedule != null }
  keeper      = one([for name, door in local.doors : name if door.keeps_dead_letters])
  connections = sum([for door in values(local.doors) : door.database ? door.max_instances * door.concurrency : 0])
}
