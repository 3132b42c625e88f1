"""A store in a bucket: S3 and what speaks its protocol."""
