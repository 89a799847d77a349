terraform {
  required_version = ">= 1.11"

  required_providers {
    supabase = {
      source  = "supabase/supabase"
      version = ">= 1.5, < 2.0"
    }
  }
}
