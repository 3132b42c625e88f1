"""Tables: Parquet and CSV, and the four kinds of tables that both hold."""
