"""Every environment variable, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator can set; each is `VITRINE_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="VITRINE_")

    home: Path = Field(Path("var"), description="Our folder: index versions and towers.")
    keep_indexes: int = Field(
        3, ge=1, description="Index versions that stay on disk, the current one included."
    )
    towers_in_memory: int = Field(3, ge=1, description="Text towers held at once; the least used one goes.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may call search, explain, items and images (comma list, `*`: all).",
    )
    max_requests: int = Field(
        64,
        ge=1,
        description="Searches and pictures in work at once, an eighth as many uploads; one more gets 429.",
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip() for origin in value.split(",") if origin.strip())
        return value
