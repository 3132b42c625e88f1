"""What a store says of itself: of one object, of a folder of keys, of its formats; as values, as text, as a page."""
