"""What the sources of an installed or staged distribution define (griffe)."""
