# Its name holds its content's hash: what has not changed is not deployed again.
resource "google_storage_bucket_object" "bundle" {
  bucket = var.build.bucket
  name   = "${var.prefix}${var.name}-${local.bundled ? filesha256(var.bundle) : "missing"}.zip"
  source = var.bundle

  lifecycle {
    create_before_destroy = true # a build may still read the last one

    precondition {
      condition     = local.bundled
      error_message = "${var.bundle} does not exist: run `make bundle` first (it writes one archive for each door)."
    }
  }
}

locals {
  bundled = fileexists(var.bundle)
}
