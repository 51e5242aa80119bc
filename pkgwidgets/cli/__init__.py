"""The command line: the way in where there is no notebook, and back where no kernel starts."""
