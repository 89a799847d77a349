mock_provider "google" {}

variables {
  project_id = "acme-mesh"
}

run "people_deploy" {
  command = plan

  assert {
    condition     = length(google_service_account.deployer) == 0 && output.ci == null
    error_message = "no account that nobody asked for"
  }
}

run "github_deploys" {
  command = plan

  variables {
    github = { owner_id = "123", repository = "acme/mesh" }
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.repository_owner_id == '123' && assertion.repository == 'acme/mesh' && assertion.ref == 'refs/heads/main'"
    error_message = "one owner, one repository, one branch"
  }
}

run "an_owner_by_name" {
  command = plan

  variables {
    github = { owner_id = "acme", repository = "acme/mesh" }
  }

  expect_failures = [var.github]
}
