"""What a bucket holds, by its own client: for contracts that look at an engine from outside."""

__all__ = ["RawBucket"]


class RawBucket:
    """Writes and reads objects below `data/`; a fixture sets `bucket` and `client`."""

    def raw_write(self, engine, path, data):
        self.client.put_object(Bucket=self.bucket, Key="data/" + path, Body=data)

    def raw_read(self, engine, path):
        try:
            return self.client.get_object(Bucket=self.bucket, Key="data/" + path)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
