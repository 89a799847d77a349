terraform {
  required_version = ">= 1.11"

  required_providers {
    neon = {
      source  = "kislerdm/neon"
      version = ">= 0.13, < 1.0"
    }
  }
}
