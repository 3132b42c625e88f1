"""How a value gets under its key, and which file answers to it."""
