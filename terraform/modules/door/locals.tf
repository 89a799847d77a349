locals {
  name        = replace(var.name, "_", "-")
  is_function = !var.serves_pages && !(var.public && var.public_by == "no_check")
  private     = !var.public && !var.serves_pages
  python      = "${substr(trimprefix(var.runtime, "python"), 0, 1)}.${substr(trimprefix(var.runtime, "python"), 1, -1)}"
  base_image  = "${var.region}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/${var.runtime}"

  # Names that we give are known before anything exists, so that a plan shows who gets what.
  account = "${google_service_account.door.account_id}@${var.project_id}.iam.gserviceaccount.com"
  caller  = local.private ? "${google_service_account.caller[0].account_id}@${var.project_id}.iam.gserviceaccount.com" : ""
  service = local.is_function ? google_cloudfunctions2_function.this[0].name : google_cloud_run_v2_service.this[0].name
  uri     = local.is_function ? google_cloudfunctions2_function.this[0].service_config[0].uri : google_cloud_run_v2_service.this[0].uri

  callers = merge(
    local.private ? { caller = "serviceAccount:${local.caller}" } : {},
    var.public && local.is_function ? { anybody = "allUsers" } : {},
    length(var.people) > 0 ? { iap = var.iap_agent } : {},
  )

  # gunicorn's threads are the requests at a time: each has a database connection of its own.
  environment = merge(var.environment, { THREADS = tostring(var.size.concurrency) })
}
