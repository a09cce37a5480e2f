"""The settings of the HTTP gateway, its limits among them; units are in the names."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_SECTION = ConfigDict(extra="forbid", frozen=True)


class GatewayLimits(BaseModel):
    """What one client may ask of a gateway; beyond it a request is cut or answered 4xx. One object for the border."""

    model_config = _SECTION

    #: From the connection, or the first byte of a further request, to the end of the head.
    head_seconds: float = Field(5.0, gt=0)
    head_bytes: int = Field(16_384, gt=0)
    head_fields: int = Field(64, gt=0)
    target_bytes: int = Field(2_048, gt=0)
    #: For the whole body.
    body_seconds: float = Field(15.0, gt=0)
    body_bytes: int = Field(1_048_576, gt=0)
    #: Average rate that a body must keep once it has had `body_grace_seconds`.
    body_min_bytes_per_second: float = Field(256.0, ge=0)
    body_grace_seconds: float = Field(3.0, gt=0)
    #: From the end of a request until its answer has left.
    answer_seconds: float = Field(30.0, gt=0)
    #: How long an open connection may rest between two requests.
    idle_seconds: int = Field(15, gt=0)
    #: How long a refused client is listened to, so that it can read why.
    linger_seconds: float = Field(2.0, gt=0)
    connections: int = Field(1_000, gt=0)
    connections_per_address: int = Field(64, gt=0)
    events_per_request: int = Field(500, gt=0)
    nesting_levels: int = Field(16, gt=0)
    values_per_event: int = Field(10_000, gt=0)
    requests_per_second: float = Field(50.0, gt=0)
    requests_burst: int = Field(200, gt=0)
    events_per_second: float = Field(500.0, gt=0)
    events_burst: int = Field(5_000, gt=0)
    #: Wrong keys from one address: so many at once, then one more every so many seconds.
    guesses_burst: int = Field(10, gt=0)
    guess_seconds: float = Field(6.0, gt=0)


class GatewaySettings(BaseModel):
    """Where the gateway listens, and what it needs besides broker and registry."""

    model_config = _SECTION

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    #: Secret that keys are hashed with: from the environment, or in `pepper_file`; empty: made beside the outbox.
    pepper: SecretStr = SecretStr("")
    pepper_file: Path | None = None
    #: Addresses of proxies in front, with commas: their `X-Forwarded-For` is believed.
    trusted_proxies: str = ""
    limits: GatewayLimits = GatewayLimits()
