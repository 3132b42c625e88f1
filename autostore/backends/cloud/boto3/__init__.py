"""The engine that does everything: boto3, and what its errors mean."""
