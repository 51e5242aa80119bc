"""Start processes (only here), and read facts of running ones from the system."""
