"""What crosses the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import UploadFile
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from app.images import Width

MAX_QUERY = 1_000
"""Characters of one text."""
MAX_TERMS = 16
MAX_RANK = 1_000
"""`offset + limit` is at most this."""


def _unicode(text: str) -> str:
    """JSON can spell half of a surrogate pair, which is no character and cannot be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError(
            "bad_value", "the text has a lone surrogate, which is no character"
        ) from None
    return text


def _query(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("query_empty", "the query is empty: give at least one word")
    if len(text) > MAX_QUERY:
        raise PydanticCustomError(
            "query_too_long",
            "the query has {length} characters, the limit is {limit}",
            {"length": len(text), "limit": MAX_QUERY},
        )
    return text.strip()


# The lengths are in the document for clients; the validator answers with the codes of its own.
QueryText = Annotated[
    str,
    AfterValidator(_unicode),
    AfterValidator(_query),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_QUERY, "pattern": r"\S"}),
]
Name = Annotated[str, AfterValidator(_unicode)]
Weight = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]


class Strict(BaseModel):
    """Unknown members are refused, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Page(Strict):
    limit: int = Field(20, ge=1, le=100, description="Items in the answer.")
    offset: int = Field(0, ge=0, le=MAX_RANK - 1, description="Items left out at the top.")

    @model_validator(mode="after")
    def _within_rank(self) -> Self:
        if self.offset + self.limit > MAX_RANK:
            raise PydanticCustomError(
                "bad_value",
                "offset + limit is {rank}, the limit is {limit}",
                {"rank": self.offset + self.limit, "limit": MAX_RANK},
            )
        return self


class TowerPage(Page):
    text_tower: Name | None = Field(
        None, max_length=64, description="A registered tower of the index's space; by default the active one."
    )


class SimilarQuery(Page):
    """GET /items/{id}/similar"""


class SearchQuery(TowerPage):
    """GET /search"""

    q: QueryText = Field(description="What to look for, in any language.", examples=["rotes Kleid"])


class CompareQuery(Strict):
    """GET /compare"""

    q: QueryText = Field(description="What to look for, in any language.", examples=["rotes Kleid"])
    a: Name = Field(
        min_length=1,
        max_length=64,
        description="A registered tower of the index's space.",
        examples=["base"],
    )
    b: Name = Field(
        min_length=1, max_length=64, description="The tower to compare it with.", examples=["base"]
    )
    limit: int = Field(10, ge=1, le=100, description="Items in each answer.")


class ExplainQuery(Strict):
    """GET /explain"""

    q: QueryText = Field(description="What to take apart, in any language.", examples=["rotes Kleid 👗"])
    text_tower: Name | None = Field(
        None, max_length=64, description="A registered tower; by default all of the index's space."
    )


class Text(Strict):
    text: QueryText
    weight: Weight = 1.0


class ItemReference(Strict):
    item: Name = Field(min_length=1, max_length=256)
    weight: Weight = 1.0


def _term_kind(term: object) -> str:
    has_item = "item" in term if isinstance(term, dict) else isinstance(term, ItemReference)
    return "item" if has_item else "text"


# Told apart by their members, so that an error speaks of the form that was meant.
Term = Annotated[
    Annotated[Text, Tag("text")] | Annotated[ItemReference, Tag("item")], Discriminator(_term_kind)
]


def _query_kind(query: object) -> str:
    return "terms" if isinstance(query, list) else "text"


class SearchRequest(TowerPage):
    """POST /search"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "rotes Kleid", "limit": 3},
                {"query": [{"text": "rotes Kleid"}, {"text": "Blumen", "weight": -0.5}], "limit": 3},
            ]
        },
    )

    query: Annotated[
        Annotated[QueryText, Tag("text")]
        | Annotated[list[Term], Field(min_length=1, max_length=MAX_TERMS), Tag("terms")],
        Discriminator(_query_kind),
    ] = Field(description="A text, or weighted terms: texts and items of the catalogue.")


class PictureSearch(TowerPage):
    """POST /search/image (multipart)"""

    file: UploadFile = Field(description="JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF; 10 MB at most.")
    text: QueryText | None = Field(None, description="Words to add to the picture.", examples=["in Blau"])
    weight: Weight = Field(1.0, description="The weight of the words; the picture's is 1.")


class ImageQuery(Strict):
    """GET /images/{id}"""

    n: int = Field(0, ge=0, le=10_000, description="Which of the item's pictures, counted from 0.")
    width: Width = Field(Width.FULL, description="At most so many pixels wide; never enlarged.")


class ImageHeaders(BaseModel):
    """What a client of GET /images/{id} may say of formats, and of what it holds."""

    accept: str = ""
    if_none_match: str = ""


class Hit(BaseModel):
    id: str = Field(examples=["demo-0001"])
    score: float = Field(description="Cosine of the query and the item's best picture.", examples=[0.31])
    image: str = Field(description="The item's first picture.", examples=["/images/demo-0001"])
    fields: dict[str, Any] = Field(
        description="The catalogue's columns; empty ones are left out.",
        examples=[{"title": "Rotes Kleid", "price": 19.99, "price_currency": "EUR"}],
    )


class Took(BaseModel):
    """Milliseconds."""

    encode: float = Field(examples=[0.8])
    search: float = Field(examples=[0.4])
    total: float = Field(examples=[1.6])


class SearchResponse(BaseModel):
    hits: list[Hit] = Field(description="Best first; equal scores in catalogue order.")
    total: int = Field(description="Items that were searched.", examples=[8368])
    index: str = Field(description="The index version.", examples=["20261122-043012-1a2b3c"])
    text_tower: Name | None = Field(description="The tower that read the text, if there was any.")
    took_ms: Took


class Ranks(BaseModel):
    """Where an item is in each of two answers, counted from 1."""

    id: str = Field(examples=["demo-0001"])
    a: int | None = Field(description="Null: not in this answer.", examples=[1])
    b: int | None = Field(description="Null: not in this answer.", examples=[4])


class CompareResponse(BaseModel):
    """What two towers find for the same words in the same index."""

    query: str = Field(examples=["rotes Kleid"])
    a: SearchResponse
    b: SearchResponse
    overlap: int = Field(description="Items that are in both answers.", examples=[7])
    changes: list[Ranks] = Field(description="Every item of either answer: those of `a`, then the others.")


class Piece(BaseModel):
    text: str = Field(description="As the tokenizer spells it, ▁ where a word begins.", examples=["▁Kleid"])
    id: int = Field(examples=[77704])
    known: bool = Field(description="False: the tower cannot tell it from anything else that is not known.")


class Reading(BaseModel):
    text_tower: str = Field(examples=["base"])
    pieces: list[Piece] = Field(description="Joined, they are the text as the tower normalises it.")
    unknown: int = Field(description="Pieces that are not known.")
    cut: bool = Field(description="Whether the query goes on, past what the tower reads.")


class ExplainResponse(BaseModel):
    """What towers read of a query."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query": "rotes Kleid 👗",
                    "towers": [
                        {
                            "text_tower": "base",
                            "pieces": [
                                {"text": "▁rote", "id": 35449, "known": True},
                                {"text": "s", "id": 9, "known": True},
                                {"text": "▁Kleid", "id": 77704, "known": True},
                                {"text": "▁", "id": 6, "known": True},
                                {"text": "👗", "id": 0, "known": False},
                            ],
                            "unknown": 1,
                            "cut": False,
                        }
                    ],
                }
            ]
        }
    )

    query: str
    towers: list[Reading] = Field(description="The active tower first, then by id.")


class ItemResponse(BaseModel):
    id: str = Field(examples=["demo-0001"])
    images: list[str] = Field(examples=[["/images/demo-0001"]])
    fields: dict[str, Any]
    index: str


class Liveness(BaseModel):
    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    index: str
    text_tower: str
    items: int
