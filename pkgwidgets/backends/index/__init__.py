"""Package indexes: the simple API (PEP 503, PEP 691), find-links, the cache."""
