output "instance" {
  description = "CLOUD_SQL_INSTANCE: project:region:name."
  value       = "${var.project_id}:${var.region}:${google_sql_database_instance.this.name}"
}
