"""The outside world, one thing per file; none imports another's front end, all are joined above."""
