output "caller" {
  description = "The e-mail address of the account that may call it; empty where anybody may."
  value       = local.caller
}

output "member" {
  description = "The door's own account, as an IAM member."
  value       = "serviceAccount:${local.account}"
}

output "service" {
  description = "The Cloud Run service below it, by which its requests and logs are found."
  value       = "${var.prefix}${local.name}"
}

output "uri" {
  description = "Its address, once it may be called."
  value       = local.uri
  depends_on  = [google_cloud_run_v2_service_iam_member.callers]
}
