"""A store in a bucket: S3 and what speaks its protocol, and a container of Azure."""
