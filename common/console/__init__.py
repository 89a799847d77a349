"""The console's HTTP API: what people see and decide, and who they are. Its vendor is FastAPI."""
