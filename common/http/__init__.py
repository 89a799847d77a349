"""The HTTP room: strangers' requests read within limits, and answered in JSON."""
