"""The bytes of a file that come or go in pieces."""
