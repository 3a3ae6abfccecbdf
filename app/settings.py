"""Every environment variable, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.towers import Device, Runtime


class Settings(BaseSettings):
    """What an operator can set; each is `VITRINE_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="VITRINE_", hide_input_in_errors=True)

    home: Path = Field(Path("var"), description="Our folder: index versions, towers and jobs.")
    data: Path = Field(
        Path("data"), description="The operators' folder; paths that an admin call names must lie in it."
    )
    catalogue: Path | None = Field(
        None, description="The catalogue that a start without an index reads; relative to `data`."
    )
    images: Path | None = Field(
        None, description="Where its picture paths are relative to: a folder or a tar, relative to `data`."
    )
    image_tower: str | None = Field(
        None, description="The image tower of the first index, as `vitrine index --tower` names it."
    )
    database_url: str | None = Field(
        None, description="PostgreSQL for the jobs of several hosts; without it, jobs.sqlite in `home`."
    )
    admin_key_file: Path | None = Field(None, description="A file that holds the admin key.")
    admin_key: SecretStr | None = Field(
        None, validate_default=True, description="Opens /admin, which is closed without a key."
    )
    keep_indexes: int = Field(
        3, ge=1, description="Index versions that stay on disk, the current one included."
    )
    towers_in_memory: int = Field(3, ge=1, description="Text towers held at once; the least used one goes.")
    runtime: Runtime = Field(
        "torch",
        description="What text towers answer by: `torch`, or ONNX Runtime on the CPU, `onnx` or `onnx-int8`.",
    )
    device: Device = Field(
        "auto",
        description="Where towers answer by torch: `auto` is the GPU where there is one; the bundled text "
        "towers answer on the CPU all the same.",
    )
    index_device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where the index is searched: `cuda` copies it to the first GPU (faiss-gpu)."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may call search, compare, explain, fields, items and images: "
        "a comma list, `*` for all.",
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

    @field_validator(
        "catalogue", "images", "image_tower", "database_url", "admin_key", "admin_key_file", mode="before"
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        # A compose file hands on a variable that its operator left out as an empty one.
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str | None) -> str | None:
        if url is None:
            return None
        from sqlalchemy import make_url  # noqa: PLC0415 - most commands need none, and it takes long to load
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

        expected = "expected postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH"
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            raise ValueError(expected) from None
        # PostgreSQL's own tools spell it so; the one driver that is installed is meant.
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.drivername not in ("postgresql+psycopg", "sqlite") or not parsed.database:
            raise ValueError(expected)
        return parsed.render_as_string(hide_password=False)

    @field_validator("admin_key")
    @classmethod
    def _or_the_files(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        file = info.data.get("admin_key_file")
        if file is None:
            return key
        if key is not None:
            raise ValueError("VITRINE_ADMIN_KEY and VITRINE_ADMIN_KEY_FILE are both set: keep one")
        kept = file.read_text(encoding="utf-8").strip()
        if not kept:
            raise ValueError(f"{file} holds no key: write one into it")
        return SecretStr(kept)

    @property
    def jobs_url(self) -> str:
        """Where the job table is."""
        return self.database_url or f"sqlite:///{quote(str(self.home.absolute()))}/jobs.sqlite"
