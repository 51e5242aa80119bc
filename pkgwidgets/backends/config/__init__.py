"""What uv and pip are configured to do: indexes, credentials, network. Starts uv to ask it."""
