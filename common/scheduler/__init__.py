"""The Cloud Scheduler room: Google's client lives here and nowhere else."""
