"""``backup.copies``: other places that recovery sets are brought to."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from controlplane.config.notifications import Name, SecretReference
from controlplane.config.retention import Retention
from controlplane.config.section import Section

# What sftp takes on a line of its own without quoting.
RemotePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/~-]+$")]
AgeKey = Annotated[str, Field(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]


class SshPlace(Section):
    """A folder on another host, by OpenSSH's sftp; an account that may do nothing else is enough."""

    host: str = Field(
        pattern=r"^[A-Za-z0-9_.:@\[\]-]+$", description="[user@]host, or a name of the ssh configuration."
    )
    path: RemotePath = Field(description="Folder there; it has to exist.")
    config_file: Path | None = Field(
        None, description="Instead of ~/.ssh/config; says port, key and known hosts. Nothing is ever asked."
    )


class S3Place(Section):
    """A bucket of S3 or of something compatible."""

    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Name of the bucket; it has to exist."
    )
    prefix: str = Field(
        "", pattern=r"^([A-Za-z0-9._-]+/)*$", description="Everything goes below it; ends with a slash."
    )
    endpoint_url: str | None = Field(None, pattern=r"^https?://", description="For anything but Amazon's S3.")
    region: str | None = Field(None, description="Region, where the service has some.")
    access_key_id: str | None = Field(
        None, description="Default: what the AWS SDK finds (profile, role of the machine)."
    )
    secret_access_key: SecretReference | None = Field(None, description="Belongs to access_key_id.")

    @model_validator(mode="after")
    def _both_or_none(self) -> "S3Place":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("name both access_key_id and secret_access_key, or neither")
        return self


class CopyPlace(Section):
    """One place: a directory, another host, or a bucket."""

    name: Name = Field(description="Unique name.")
    directory: Path | None = Field(None, description="A folder, for example of another disk; it has to exist.")
    ssh: SshPlace | None = Field(None, description="A folder on another host, by sftp: host, path, config_file.")
    s3: S3Place | None = Field(
        None, description="A bucket: bucket, prefix, endpoint_url, region, access_key_id, secret_access_key."
    )
    recipients: list[AgeKey] = Field(
        default_factory=list,
        description="Public keys of age: copies are encrypted to them, and this host cannot read them back.",
    )
    max_rate_mb: float | None = Field(None, gt=0, description="Upper bound of what is sent, MB a second.")
    retention: Retention = Field(Retention(), description="As backup.retention, for the copies here.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "CopyPlace":
        if sum(value is not None for value in (self.directory, self.ssh, self.s3)) != 1:
            raise ValueError("name exactly one of directory, ssh and s3")
        return self
