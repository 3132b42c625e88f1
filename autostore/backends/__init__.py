"""The places that ship with the library, and which scheme is served by which."""
