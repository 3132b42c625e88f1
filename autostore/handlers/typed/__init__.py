"""Typed JSON: values that JSON has no word for, each under a tag, in a file that any tool reads as JSON.

    {"$autostore": 1, "value": {"day": {"$date": "2024-01-01"}, "pair": {"$tuple": [1, 2]}}}

Every tag stands in `docs/formats.md#typed-json`.
"""
