"""What is told while bytes move."""
