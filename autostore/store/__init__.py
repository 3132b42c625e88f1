"""What a store does, over any place: the dict, reading, writing and changing."""
