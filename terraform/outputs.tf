output "receivers" {
  description = "Where Salesforce and your applications send to. The outbound message's endpoint ends in the secret path."
  value       = { for name, door in local.doors : name => module.door[name].uri if door.public }
}

output "console" {
  description = "The page's address, or null."
  value       = try(module.door["console"].uri, null)
}

output "environment" {
  description = "Settings for the command line beside this deployment; secrets are not among them."
  value = merge(local.settings, local.database_settings, {
    PULL_STATE   = module.bookmarks.where
    SCHEDULE_JOB = local.drain_job
  })
}

output "topology" {
  description = "Each topic's subscriptions, living and dead."
  value       = { for name, topic in module.topic : name => topic.subscriptions }
}

output "alerts_cost" {
  description = "What the alerts cost a month."
  value       = module.watch.alerts_cost
}
