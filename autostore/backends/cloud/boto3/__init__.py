"""What S3 is asked through boto3: the connection, uploads, downloads, copies, and what errors mean."""
