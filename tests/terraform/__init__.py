"""Terraform: valid, tested, and held to what the doors need."""
