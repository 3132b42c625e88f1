"""Memory of functions: results kept below `_cache/`, by the code and the content of the arguments."""
