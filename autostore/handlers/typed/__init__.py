"""Typed JSON: values that JSON has no word for, each under a tag, in a file that any tool reads as JSON.

    {"$autostore": 1, "value": {"day": {"$date": "2024-01-01"}, "pair": {"$tuple": [1, 2]}}}

Every tag stands in `table.py`, and with what it looks like in `docs/formats.md#typed-json`. `handler.py` is the format;
`encoding.py` and `decoding.py` are the two ways, and `asked.py` the one to a type that the caller names. `tag.py` says
what a tag is, `leaves.py`, `scalars.py`, `times.py` and `zones.py` have those of values without parts, `objects.py` and
`made.py` those of values with parts; `walk.py` finds a value's parts, `path.py` says where one is, `text.py` checks the
text before it is parsed.
"""
