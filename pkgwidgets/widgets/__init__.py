"""Shows and asks: every button calls the service in the kernel."""
