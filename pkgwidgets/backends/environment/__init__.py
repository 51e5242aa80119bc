"""One environment on disk: interpreter, dist-info folders, RECORD files, owners of files."""
