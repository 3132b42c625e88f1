"""Any file system of fsspec as a place, as far as it keeps the promises; docs/places.md has the table."""
