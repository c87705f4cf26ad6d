"""What the carrier gives the city: where its SMSC is, who we are there, and its habits."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from channels.smpp.receipt import Notation
from channels.sms_alphabet import Alphabet


def _tag(value: object) -> object:
    """Take a tag as carriers print it, 0x1400, or in decimal."""
    return int(value, 0) if isinstance(value, str) else value


class SmppSettings(BaseModel):
    """The account at the carrier's SMSC, and the short code that citizens write to."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1, description="The SMSC's host or address.")
    port: int = Field(2775, ge=1, le=65_535, description="Its port.")
    tls: bool = Field(default=False, description="Whether it expects TLS from the first byte.")
    # The lengths are SMPP's own; what is longer would be cut off by some SMSCs and refused by others.
    system_id: str = Field(min_length=1, max_length=15, pattern=r"^[!-~]+$", description="Who we are there.")
    password: SecretStr = Field(min_length=1, max_length=8, description="Proves it.")
    system_type: str = Field("", max_length=12, pattern=r"^[!-~]*$", description="What some carriers ask for besides.")
    number: str = Field(pattern=r"^\+?[0-9]{3,15}$", description="The short code that citizens write to.")
    sender: str = Field("", pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 _.-]{0,11})$", description="Whom replies are from.")
    source_ton: int | None = Field(None, ge=0, le=6, description="The type of our number; by its shape when not set.")
    source_npi: int | None = Field(None, ge=0, le=18, description="Its numbering plan; by its shape when not set.")
    window: int = Field(10, ge=1, le=1000, description="Requests that may wait for an answer at once.")
    enquire_link: float = Field(30.0, gt=0, le=3600, description="Seconds between two proofs that the line lives.")
    response_timeout: float = Field(10.0, gt=0, le=120, description="Seconds for an answer of the SMSC.")
    default_coding: Alphabet = Field("auto", description="What data_coding 0 means at this carrier.")
    receipt_ids: Notation = Field("same", description="How receipts write the ids of our messages.")
    id_tlv: Annotated[int, BeforeValidator(_tag)] = Field(
        0, ge=0, le=0xFFFF, description="The TLV in which the carrier names a citizen's message, such as 0x1400."
    )
    registered_delivery: bool = Field(default=True, description="Whether to ask for delivery receipts.")
    rate: float = Field(10.0, gt=0, description="Replies a second.")
