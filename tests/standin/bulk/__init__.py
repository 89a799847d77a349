"""Bulk API 2.0: jobs that load or extract whole tables as CSV."""
