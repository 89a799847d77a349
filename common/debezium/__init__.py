"""The Debezium room: its change envelope is read here and nowhere else."""
