"""The process that applies a plan: how it is started, and the code that it runs."""
