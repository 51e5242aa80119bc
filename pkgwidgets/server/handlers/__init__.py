"""The routes: those that read, and those that change something."""
