"""Avro: rows of one schema in blocks, for Kafka, Hadoop, BigQuery and Snowflake."""
