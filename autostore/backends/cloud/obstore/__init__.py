"""obstore (https://developmentseed.org/obstore): a client in Rust that needs a tenth of boto3's CPU for a request."""
