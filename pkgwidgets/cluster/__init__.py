"""One plan for the environments of a cluster: each gets every change, or none does."""
