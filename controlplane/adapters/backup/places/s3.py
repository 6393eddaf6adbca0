"""Copies in a bucket of S3 or of something compatible, with boto3. Import this only where copies are handled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, EndpointConnectionError, HTTPClientError

from controlplane.errors import CmctlError, DependencyUnreachable

_MOST_AT_ONCE = 1000


def client(endpoint_url: str | None, region: str | None, access_key_id: str | None, secret: str | None) -> Any:
    """A client that tries again what may succeed the next time."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=15, read_timeout=120),
    )


@dataclass(frozen=True)
class S3Place:
    """Below ``prefix`` in ``bucket``."""

    name: str
    bucket: str
    prefix: str
    client: Any

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Objects below a prefix."""
        pages = self._try(
            lambda: list(
                self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
            )
        )
        return {
            item["Key"].removeprefix(self.prefix): int(item["Size"])
            for page in pages
            for item in page.get("Contents", ())
        }

    def write(self, name: str, content: bytes) -> None:
        """Store; the service compares the SHA-256, and an object is there as a whole or not at all."""
        self._try(
            lambda: self.client.put_object(
                Bucket=self.bucket, Key=self.prefix + name, Body=content, ChecksumAlgorithm="SHA256"
            )
        )

    def read(self, name: str) -> bytes:
        """Get back."""
        found = self._try(lambda: self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read())
        return bytes(found)

    def delete(self, names: Sequence[str]) -> None:
        """Delete."""
        for begin in range(0, len(names), _MOST_AT_ONCE):
            keys = [{"Key": self.prefix + name} for name in names[begin : begin + _MOST_AT_ONCE]]
            answer = self._try(
                lambda keys=keys: self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": keys})
            )
            for error in answer.get("Errors", ()):
                raise CmctlError(f"{self.name}: {error['Key']} could not be deleted: {error.get('Message')}")

    def _try(self, call: Any) -> Any:
        try:
            return call()
        except ClientError as error:
            told = error.response.get("Error", {})
            raise CmctlError(
                f"{self.name}: the bucket {self.bucket}: {told.get('Message') or told.get('Code')}",
                hint="check the bucket's name, the key and its permissions",
            ) from error
        except (ConnectionError, EndpointConnectionError, HTTPClientError) as error:
            raise DependencyUnreachable(f"{self.name}: {error}", hint="check endpoint_url and the network") from error
        except BotoCoreError as error:
            raise CmctlError(f"{self.name}: {error}", hint="name access_key_id and secret_access_key") from error
