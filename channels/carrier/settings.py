"""What is secret about a carrier, and which profile describes the rest."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from channels.base import BaseUrl, base_url
from channels.carrier.profile import SECRET_PLACES, load


def _profile(value: str) -> str:
    load(value)
    return value


def _api_url(value: str) -> str:
    return value and base_url(value)


class CarrierSettings(BaseModel):
    """The account at a carrier with an HTTP interface."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    profile: Annotated[str, AfterValidator(_profile)] = Field(description="The carrier's habits: a TOML file.")
    secret: SecretStr = Field(min_length=1, description="Proves that it is the carrier: a key, a word, user:password.")
    secret_secondary: SecretStr | None = Field(None, description="The other one, while it is being replaced.")
    token: SecretStr = Field(SecretStr(""), description="What the carrier wants of us when we send: {token}.")
    user: str = Field("", description="Who we are there: {user}.")
    number: str = Field(min_length=1, max_length=32, description="The number that citizens write to.")
    api_url: Annotated[str, AfterValidator(_api_url)] = Field(
        "", description="Replaces the scheme and host that replies are sent to, and nothing else."
    )
    public_url: BaseUrl = Field(description="Where the carrier reaches us: BALAGH_PUBLIC_URL.")
    rate: float = Field(5.0, gt=0, description="Replies a second.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        outbound = load(self.profile).outbound
        wanted = outbound is not None and (outbound.signature is not None or outbound.places & SECRET_PLACES)
        if wanted and not self.token.get_secret_value():
            raise ValueError("the profile sends with {token} or a signature, and BALAGH_CARRIER__TOKEN is not set")
        return self
