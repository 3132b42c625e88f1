"""What is told while bytes move: a line in the log, a span, a bar."""
