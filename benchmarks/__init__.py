"""Benchmarks against what users would take instead; `make bench` runs them, `docs/benchmarks.md` shows them."""
