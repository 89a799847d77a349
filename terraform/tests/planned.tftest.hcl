# The whole mesh, planned with made-up answers of Google: no account, no network. tests/terraform reads these plans too.

mock_provider "google" {
  override_during = plan

  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }

  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://door.invalid" } }
  }

  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://door.invalid" }
  }
}

variables {
  alerts               = { emails = ["ops@example.com"] }
  cloud_sql_password   = "" # null would do, but not in a test: Terraform wants ephemeral values to be there
  console_database_url = ""
  database_direct_url  = ""
  database_url         = "postgresql://isthmus:secret@db.example.com:5432/app"
  project_id           = "acme-mesh"
  slack_token          = ""

  inbound = {
    hmac_keys   = ["0123456789abcdef0123456789abcdef"]
    org_id      = "00D000000000001"
    secret_path = "fedcba9876543210fedcba9876543210"
  }

  salesforce = {
    SF_CLIENT_ID     = "client"
    SF_CLIENT_SECRET = "secret"
    SF_LOGIN_URL     = "https://acme.my.salesforce.com"
  }
}

run "defaults" {
  command = plan

  assert {
    condition     = length(module.schedule) == 3 && length(module.secret) == 3
    error_message = "three jobs and at most six secrets are free"
  }
}

# -- other wishes --------------------------------------------------------------------------------

run "everything" {
  command = plan

  variables {
    alerts               = { slack_channel = "#isthmus" }
    budget               = { amount = 20, billing_account = "012345-6789AB-CDEF01" }
    cloud_sql_password   = "p@ss/word"
    console              = { operators = ["kim@example.com"], viewers = ["@example.com"] }
    console_database_url = "postgresql://console:secret@db.example.com:5432/app"
    database             = { ca = "-----BEGIN CERTIFICATE-----", cloud_sql = {} }
    database_direct_url  = "postgresql://isthmus:secret@direct.example.com:5432/app"
    prefix               = "staging-"
    slack_token          = "xoxb-0000"
    settings             = { API_RESERVE = "30", SLEEPY_DATABASE = "true" }

    secret_versions = {
      CONSOLE_DATABASE_URL = 1
      DATABASE_DIRECT_URL  = 1
      DATABASE_URL         = 2
      INBOUND              = 1
      SALESFORCE           = 1
    }
  }
}

run "no_grant_to_everybody" {
  command = plan

  variables {
    console   = { google_client_id = "123.apps.googleusercontent.com", operators = ["kim@example.com"] }
    public_by = "no_check"
  }

  expect_failures = [check.console_role]
}

run "in_seoul" {
  command = plan

  variables {
    region = "asia-northeast3"
  }

  expect_failures = [check.free_region]
}

run "too_many_connections" {
  command = plan

  variables {
    sizes = { upsert_postgres = { max_instances = 10 } }
  }

  expect_failures = [var.database]
}

run "more_connections" {
  command = plan

  variables {
    database = { max_connections = 66 }
    sizes    = { upsert_postgres = { max_instances = 10 } }
  }
}

run "two_drainers" {
  command = plan

  variables {
    sizes = { drain_change_log = { max_instances = 2 } }
  }

  expect_failures = [var.sizes]
}

run "a_door_that_does_not_exist" {
  command = plan

  variables {
    sizes = { upsert_oracle = { max_instances = 2 } }
  }

  expect_failures = [var.sizes]
}

run "a_long_prefix" {
  command = plan

  variables {
    prefix = "productive-"
  }

  expect_failures = [var.prefix]
}

run "a_guessable_path" {
  command = plan

  variables {
    inbound = { hmac_keys = ["0123456789abcdef0123456789abcdef"], org_id = "00D000000000001", secret_path = "salesforce" }
  }

  expect_failures = [var.inbound]
}

run "a_secret_among_the_settings" {
  command = plan

  variables {
    settings = { DATABASE_URL = "postgresql://isthmus:secret@db.example.com:5432/app" }
  }

  expect_failures = [var.settings]
}

run "a_console_for_nobody" {
  command = plan

  variables {
    console = { operators = [] }
  }

  expect_failures = [var.console]
}

run "alerts_that_tell_nobody" {
  command = plan

  variables {
    alerts = {}
  }

  expect_failures = [check.somebody_is_told]
}

run "a_drainer_that_sleeps" {
  command = plan

  variables {
    settings = { IDLE_MINUTES = "1440" }
  }
}

run "a_console_for_somebody_without_address" {
  command = plan

  variables {
    console = { operators = ["kim"] }
  }

  expect_failures = [var.console]
}
