"""The kernel's edge: the service, its frames, and what this kernel has loaded."""
