"""What crosses the wire of /v1/embeddings: OpenAI's form, and pictures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from app.schemas import Name, QueryText, Strict

MAX_INPUTS = 256
MAX_PICTURES = 16
"""Of the inputs: a small file may hold a picture that takes half a second."""
DEFAULT_MODEL = "default"


class EmbeddingPicture(Strict):
    image: str = Field(
        pattern="^data:image/[a-z0-9.+-]+;base64,",
        description="A data URL of base64: JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF; 10 MB at most.",
        examples=["data:image/png;base64,iVBORw0KGgo="],
    )


def _input_kind(given: object) -> str:
    return "picture" if isinstance(given, dict | EmbeddingPicture) else "text"


def _inputs_kind(given: object) -> str:
    return "several" if isinstance(given, list) else _input_kind(given)


# Told apart by their types, so that an error speaks of the form that was meant.
EmbeddingInput = Annotated[
    Annotated[QueryText, Tag("text")] | Annotated[EmbeddingPicture, Tag("picture")],
    Discriminator(_input_kind),
]


def _few_pictures(inputs: list[str | EmbeddingPicture]) -> list[str | EmbeddingPicture]:
    pictures = sum(isinstance(one, EmbeddingPicture) for one in inputs)
    if pictures > MAX_PICTURES:
        raise PydanticCustomError(
            "bad_value",
            "{pictures} of the inputs are pictures, the limit is {limit}",
            {"pictures": pictures, "limit": MAX_PICTURES},
        )
    return inputs


class EmbeddingRequest(Strict):
    """POST /v1/embeddings"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"model": DEFAULT_MODEL, "input": "rotes Kleid"},
                {"model": "base", "input": ["rotes Kleid", "red dress"], "encoding_format": "base64"},
            ]
        },
    )

    model: Name = Field(
        DEFAULT_MODEL,
        max_length=64,
        description="A registered text tower of the index's space; `default` is the active one. Pictures are "
        "embedded by the image tower of that space, so that both can be compared.",
    )
    input: Annotated[
        Annotated[QueryText, Tag("text")]
        | Annotated[EmbeddingPicture, Tag("picture")]
        | Annotated[
            list[EmbeddingInput],
            Field(min_length=1, max_length=MAX_INPUTS),
            AfterValidator(_few_pictures),
            Tag("several"),
        ],
        Discriminator(_inputs_kind),
    ] = Field(
        description=f"A text, a picture, or several, {MAX_PICTURES} pictures among them; texts of 64 KB at "
        "most in all."
    )
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="`base64`: the bytes of the little-endian float32 values."
    )
    dimensions: int | None = Field(
        None, ge=1, description="The first so many values, by a tower that was trained for it; none is yet."
    )


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int = Field(description="Of the input, counted from 0.", examples=[0])
    embedding: list[float] | str = Field(description="Of length 1.", examples=[[0.6, -0.8]])


class EmbeddingUsage(BaseModel):
    """Pieces that the tower read of the texts; pictures have none."""

    prompt_tokens: int = Field(examples=[3])
    total_tokens: int = Field(examples=[3])


class EmbeddingResponse(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding] = Field(description="In the order of the inputs.")
    model: str = Field(description="The text tower.", examples=["base"])
    usage: EmbeddingUsage
