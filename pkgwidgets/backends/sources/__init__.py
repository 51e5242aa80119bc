"""The names that an installed or staged distribution defines, read from its sources."""
