"""The console's page in a real browser, against a whole stack."""
