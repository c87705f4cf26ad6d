"""The address of a provider's API, as a setting: it is read once, and a mistake in it ends the program at its start."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def base_url(value: str) -> str:
    """Return an address without the slash at its end; it may have a path. Raises ValueError."""
    url = value.strip().rstrip("/")
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname or split.query or split.fragment:
        raise ValueError("must be http:// or https:// with a host, and nothing after the path")
    return url


def _api_url(value: str) -> str:
    url = value.strip().rstrip("/")
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname or split.path or split.query or split.fragment:
        raise ValueError("must be http:// or https:// with a host, and nothing after it")
    return url


BaseUrl = Annotated[str, AfterValidator(base_url)]
"""Scheme and host, and a path where something stands before what is meant."""

ApiUrl = Annotated[str, AfterValidator(_api_url)]
"""Scheme and host, and nothing else."""
