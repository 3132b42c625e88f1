"""The places that ship with the library, and `schemes.py`, which knows who serves which scheme."""
