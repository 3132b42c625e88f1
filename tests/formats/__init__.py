"""Formats: the table of them, and for each what it holds, refuses, shows, and reads of other programs."""
