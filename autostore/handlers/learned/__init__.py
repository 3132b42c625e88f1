"""Models that libraries have learned, each in its own library's file."""
