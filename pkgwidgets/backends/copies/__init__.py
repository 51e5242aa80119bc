"""Copies of environments in this user's data folder, each with a kernel of Jupyter."""
