"""What things are: values and the arithmetic on them. Standard library and `packaging` only."""
