"""Sources of advisories: OSV services, folders and zip files of OSV records, indexes."""
