"""The settings of the portal, its limits among them; units are in the names."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_SECTION = ConfigDict(extra="forbid", frozen=True)


class PortalLimits(BaseModel):
    """What one client may ask of a portal; beyond it a request is cut or answered 4xx."""

    model_config = _SECTION

    head_seconds: float = Field(5.0, gt=0)
    head_bytes: int = Field(16_384, gt=0)
    target_bytes: int = Field(2_048, gt=0)
    body_seconds: float = Field(10.0, gt=0)
    body_bytes: int = Field(65_536, gt=0)
    #: How long an open connection may rest between two requests.
    idle_seconds: int = Field(15, gt=0)
    connections: int = Field(1_000, gt=0)
    connections_per_address: int = Field(100, gt=0)
    #: Open pages that are told of changes.
    streams: int = Field(500, gt=0)
    streams_per_address: int = Field(12, gt=0)
    #: Figures in one answer of the API.
    figures_per_answer: int = Field(1_000, gt=0)
    #: Wrong operator keys from one address: so many at once, then one more every so many seconds.
    guesses_burst: int = Field(10, gt=0)
    guess_seconds: float = Field(6.0, gt=0)


class PortalSettings(BaseModel):
    """Where the portal listens, under which names it is called, and who may redrive."""

    model_config = _SECTION

    host: str = "127.0.0.1"
    port: int = Field(8081, ge=0, le=65535)
    #: Names that browsers call it by, with commas, beside those of this machine; others are refused.
    names: str = ""
    #: Addresses of proxies in front, with commas: their `X-Forwarded-For` and `-Proto` are believed.
    trusted_proxies: str = ""
    #: Who may see and redrive refused records; empty: `portal-operators.json` in `data_dir`.
    operators_file: Path | None = None
    #: Secret that operators' keys are hashed with: by environment, or in `pepper_file`; empty: made in `data_dir`.
    pepper: SecretStr = SecretStr("")
    pepper_file: Path | None = None
    limits: PortalLimits = PortalLimits()
