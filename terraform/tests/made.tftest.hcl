# The whole mesh, made with made-up answers of Google.

mock_provider "google" {
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

run "made" {
  command = apply

  assert {
    condition     = toset(keys(output.receivers)) == toset(["receive_outbound_message", "receive_webhook"])
    error_message = "the two receivers' addresses are told"
  }

  assert {
    condition     = output.environment["SCHEDULE_JOB"] == "projects/acme-mesh/locations/us-central1/jobs/drain"
    error_message = "the drainer is told its own job"
  }

  assert {
    condition     = output.console == null
    error_message = "no console was asked for"
  }
}
