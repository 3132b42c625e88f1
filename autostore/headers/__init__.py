"""What a file says of its value before it is read: type, shape, columns, from its first and last bytes."""
