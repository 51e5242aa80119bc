"""Tools for agents that speak the Model Context Protocol (MCP), served inside the Jupyter server.

The extension `jupyter_server_mcp` finds them by an entry point and registers each function: its
docstring is the description that an agent reads. No module here needs an MCP library to be
imported. Source: https://modelcontextprotocol.io/specification.
"""
