"""What a person would look at first in each family of values: pure functions, value -> `Preview`, one family a file."""
