"""The only place that starts processes; and what the system tells of running ones."""
