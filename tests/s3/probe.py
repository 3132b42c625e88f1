"""What an S3 server checks, asked with requests of boto3 alone: the rows of the table in docs/places.md.

`python -m tests.s3.probe ENDPOINT` asks a server of yours, with the credentials of the environment, in buckets that it
makes and removes again.
"""

import contextlib
import sys
import uuid

BODY, OTHER = b"what is there", b"what is not"
NOBODYS = '"00000000000000000000000000000000"'
WRONG_MD5, WRONG_SHA = "1B2M2Y8AsgTpgAmY7PhCfg==", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def asked(client):
    """Row by row, what the server does."""
    bucket = f"probe-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    try:
        return {row: ask(client, bucket) for row, ask in ROWS.items()}
    finally:
        emptied(client, bucket)


def emptied(client, bucket):
    with contextlib.suppress(client.exceptions.ClientError):
        found = client.list_object_versions(Bucket=bucket)
        for one in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            client.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        for one in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
            client.delete_object(Bucket=bucket, Key=one["Key"])
        client.delete_bucket(Bucket=bucket)


def laid(client, bucket):
    """A fresh object, as its key, and its ETag in quotes."""
    key = uuid.uuid4().hex
    return key, client.put_object(Bucket=bucket, Key=key, Body=BODY)["ETag"]


def refuses(client, call, **arguments):
    try:
        call(**arguments)
    except client.exceptions.ClientError:
        return True
    return False


def put_if_absent(client, bucket):
    key, _ = laid(client, bucket)
    return says(refuses(client, client.put_object, Bucket=bucket, Key=key, Body=OTHER, IfNoneMatch="*"))


def put_if_match(client, bucket):
    key, etag = laid(client, bucket)
    if not refuses(client, client.put_object, Bucket=bucket, Key=key, Body=OTHER, IfMatch=NOBODYS):
        return "no"
    quoted = not refuses(client, client.put_object, Bucket=bucket, Key=key, Body=BODY, IfMatch=etag)
    return "yes" if quoted else "the unquoted ETag only"


def delete_if_match(client, bucket):
    key, _ = laid(client, bucket)
    return says(refuses(client, client.delete_object, Bucket=bucket, Key=key, IfMatch=NOBODYS))


def copy_source(client, bucket):
    key, _ = laid(client, bucket)
    source = {"Bucket": bucket, "Key": key}
    return says(
        refuses(client, client.copy_object, Bucket=bucket, Key="copy", CopySource=source, CopySourceIfMatch=NOBODYS)
    )


def copy_target(client, bucket):
    (key, _), (target, _) = laid(client, bucket), laid(client, bucket)
    source = {"Bucket": bucket, "Key": key}
    return says(
        refuses(client, client.copy_object, Bucket=bucket, Key=target, CopySource=source, IfMatch=NOBODYS)
        and refuses(client, client.copy_object, Bucket=bucket, Key=target, CopySource=source, IfNoneMatch="*")
    )


def missing_bucket(client, _):
    bucket = f"missing-{uuid.uuid4().hex}"
    refused = refuses(client, client.put_object, Bucket=bucket, Key="x", Body=BODY)
    emptied(client, bucket)
    return "refused" if refused else "makes it"


def wrong_md5(client, bucket):
    return says(refuses(client, client.put_object, Bucket=bucket, Key="x", Body=BODY, ContentMD5=WRONG_MD5))


def wrong_sha256(client, bucket):
    return says(refuses(client, client.put_object, Bucket=bucket, Key="x", Body=BODY, ChecksumSHA256=WRONG_SHA))


def versions(client, bucket):
    if refuses(client, client.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}):
        return "no"
    client.put_object(Bucket=bucket, Key="v", Body=BODY)
    client.put_object(Bucket=bucket, Key="v", Body=OTHER)
    return says(len(client.list_object_versions(Bucket=bucket, Prefix="v").get("Versions", ())) == 2)


def says(yes):
    return "yes" if yes else "no"


ROWS = {
    "PUT If-None-Match: *": put_if_absent,
    "PUT If-Match": put_if_match,
    "DELETE If-Match": delete_if_match,
    "COPY: the source's If-Match": copy_source,
    "COPY: the target's conditions": copy_target,
    "a PUT to a missing bucket": missing_bucket,
    "Content-MD5 of a PUT": wrong_md5,
    "x-amz-checksum-sha256 of a PUT": wrong_sha256,
    "keeps versions": versions,
}


if __name__ == "__main__":
    import boto3

    for name, answer in asked(boto3.client("s3", endpoint_url=sys.argv[1])).items():
        print(f"{name}: {answer}")
