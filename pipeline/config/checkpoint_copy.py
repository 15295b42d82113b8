"""Settings of the second copy of checkpoints."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.providers import Region, Url
from pipeline.config.section import Form, NonEmpty, Section

__all__ = ["CheckpointCopySettings"]


class CheckpointCopySettings(Section):
    """A second copy of the checkpoints in S3, for the day on which their topic is lost."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), Form("the name of an S3 bucket")] = Field(
        description="Name of the bucket."
    )
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/=-]+$"), Form("letters, digits, _ - = and /")] = Field(
        "streamwarden-checkpoints", description="Beginning of every key."
    )
    interval_secs: Annotated[float, Field(gt=0)] = Field(
        300.0, description="Least time between two copies of a partition; each is whole, and takes the place of the one before."
    )
    region: Region | None = Field(None, description="AWS region; null takes it from the usual AWS chain.")
    profile: NonEmpty | None = Field(None, description="Profile of the AWS configuration files; null takes the chain's default.")
    endpoint_url: Url | None = Field(None, description="Address of S3 in place of AWS's own.")
    call_timeout_secs: Annotated[float, Field(gt=0, le=60)] = Field(
        10.0, description="Longest wait for a connection, and for the next bytes of an answer."
    )
