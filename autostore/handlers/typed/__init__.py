"""Typed JSON: values that JSON has no word for, each under a tag, in a file that any tool reads as JSON."""
