"""The contract of a client library that moves the bytes of a bucket, and the words in which both sides speak."""
