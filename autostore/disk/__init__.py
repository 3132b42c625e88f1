"""What the library does with this machine's own disk: locks, temporary folders, syncing, failures."""
