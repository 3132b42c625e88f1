"""Memoized functions."""
