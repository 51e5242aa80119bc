"""What is kept of past transactions as values: journal, events, known-good versions."""
