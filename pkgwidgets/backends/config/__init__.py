"""The configuration of uv and pip: indexes, credentials, network. Starts uv to read its own."""
