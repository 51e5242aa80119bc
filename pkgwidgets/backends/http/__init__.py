"""HTTP requests: connections, TLS, proxies, credentials, limits.

The only folder that opens connections.
"""
