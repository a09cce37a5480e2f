"""The settings of the server that shows sinks to consoles: who may ask it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr


class ControlSettings(BaseModel):
    """User and password, asked for by basic authentication; without a user only this machine can ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
