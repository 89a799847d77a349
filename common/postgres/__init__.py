"""The Postgres room: column names, SQL and pg8000 live here and nowhere else."""
