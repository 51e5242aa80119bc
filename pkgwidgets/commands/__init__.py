"""Verbs, options, and a request → a plan: what the command line, the magic and REST share.

Imports core, operations and connect; the front ends import it, and never one another.
"""
