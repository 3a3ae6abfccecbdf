"""What crosses the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import UploadFile
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.answer import MOST_LISTED
from app.filter_schema import DESCRIPTION, FilterObject, FilterText
from app.images import Width
from app.query import MAX_RANK

MAX_QUERY = 1_000
"""Characters of one text."""
MAX_TERMS = 16
MAX_FACETS = 16


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
# A field of a form that is left empty is as if it was not sent.
FormText = Annotated[
    str,
    AfterValidator(_unicode),
    AfterValidator(_query),
    Field(json_schema_extra={"maxLength": MAX_QUERY, "pattern": r"^$|\S"}),
]
Name = Annotated[str, AfterValidator(_unicode)]
Weight = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]

Facets = Annotated[list[Name], Field(max_length=MAX_FACETS)]
FacetsText = Json[Facets]

Lexical = Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)]
WORDS = (
    "The weight of the words of the catalogue's texts against its pictures: 0 leaves them out, 1 ranks by "
    "them alone. Null: the default, which is 0 where the catalogue has no text."
)


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


class SimilarQuery(Page):
    """GET /items/{id}/similar"""


class CursorPage(Page):
    text_tower: Name | None = Field(
        None, max_length=64, description="A registered tower of the index's space; by default the active one."
    )
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="The `next` of an answer to the same request, but for `limit` and `facets`: the page "
        "after it, which repeats nothing; with `offset` 0.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.cursor is not None and self.offset:
            raise PydanticCustomError(
                "bad_value", "a cursor is where the page begins: leave offset out, or the cursor"
            )
        return self


class RankedPage(CursorPage):
    collapse: Name | None = Field(
        None,
        max_length=256,
        description="A field of one value per item: those that share it are one hit, with the best of them "
        "first and the others as its `variants`. An item without a value is a hit of its own.",
    )
    fold_duplicates: bool = Field(
        True,
        description="An item whose picture nearly equals that of a better hit is one of that hit's "
        "`duplicates`.",
    )
    diversity: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Sets like hits apart: maximal marginal relevance of the first 200, lambda being 1 less "
        "this.",
    )
    lexical: Lexical = Field(None, description=WORDS)
    exclusion: bool = Field(
        True,
        description="Words that exclude are understood: what they exclude is searched away from, and said in "
        "the answer's `interpreted`.",
    )


class SearchQuery(CursorPage):
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


class SearchRequest(RankedPage):
    """POST /search"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "rotes Kleid", "limit": 3},
                {"query": [{"text": "rotes Kleid"}, {"text": "Blumen", "weight": -0.5}], "limit": 3},
                {
                    "query": "Kleid",
                    "limit": 3,
                    "filter": {"colour": ["red", "pink"], "price": {"lte": 100}, "sizes": {"not": "XS"}},
                    "facets": ["colour", "price"],
                },
                {"query": "Kleid", "limit": 3, "collapse": "product", "diversity": 0.3},
            ]
        },
    )

    query: Annotated[
        Annotated[QueryText, Tag("text")]
        | Annotated[list[Term], Field(min_length=1, max_length=MAX_TERMS), Tag("terms")],
        Discriminator(_query_kind),
    ] = Field(description="A text, or weighted terms: texts and items of the catalogue.")
    filter: FilterObject | None = Field(None, description=DESCRIPTION)
    facets: Facets = Field([], description="Fields to count the values of.")
    min_relevance: float | None = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Hits of less `relevance` are left out; for a query that is one text, by a tower that is "
        "calibrated.",
        examples=[0.05],
    )


class PictureSearch(RankedPage):
    """POST /search/image (multipart)"""

    file: UploadFile = Field(
        description="JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF; 10 MB at most.",
        json_schema_extra={"format": "binary"},
    )
    text: FormText | None = Field(
        None, description="Words to add to the picture; none if empty.", examples=["in Blau"]
    )
    weight: Weight = Field(1.0, description="The weight of the words; the picture's is 1.")
    filter: FilterText | None = Field(
        None, description="As JSON, what POST /search takes.", examples=['{"price": {"lte": 100}}']
    )
    facets: FacetsText = Field(
        default_factory=list, description="As JSON, what POST /search takes.", examples=['["colour"]']
    )


class ImageQuery(Strict):
    """GET /images/{id}"""

    n: int = Field(0, ge=0, le=10_000, description="Which of the item's pictures, counted from 0.")
    width: Width = Field(Width.FULL, description="At most so many pixels wide; never enlarged.")


class ImageHeaders(BaseModel):
    """What a client of GET /images/{id} may say of formats, and of what it holds."""

    accept: str = ""
    if_none_match: str = ""


class Took(BaseModel):
    """Milliseconds."""

    encode: float = Field(examples=[0.8])
    search: float = Field(examples=[0.4])
    total: float = Field(examples=[1.6])


def _absent(value: object) -> bool:
    return value is None


def _empty(value: object) -> bool:
    return value == []


class ListedItem(BaseModel):
    id: str = Field(examples=["demo-0001"])
    score: float = Field(description="Cosine of the query and the item's best picture.", examples=[0.31])
    image: str = Field(description="The item's first picture.", examples=["/images/demo-0001"])
    fields: dict[str, Any] = Field(
        description="The catalogue's columns; empty ones are left out.",
        examples=[{"title": "Rotes Kleid", "price": 19.99, "price_currency": "EUR"}],
    )


class Hit(ListedItem):
    relevance: float | None = Field(
        description="The probability that this is what was asked for. Null: not known of this tower, or this "
        "query.",
        examples=[0.87],
    )
    variants: list[ListedItem] = Field(
        [],
        exclude_if=_empty,
        description="With `collapse`: the other items of the same value that pass the filter, best first; "
        f"{MOST_LISTED} at most.",
    )
    duplicates: list[ListedItem] = Field(
        [],
        exclude_if=_empty,
        description="Items whose picture nearly equals this one's, as far as they rank before the next page, "
        f"best first; {MOST_LISTED} at most.",
    )


class Bucket(BaseModel):
    """The condition of a filter that finds these items; the last bucket includes its end."""

    gte: int | float = Field(examples=[20])
    lt: int | float | None = Field(None, exclude_if=_absent, examples=[30])
    lte: int | float | None = Field(None, exclude_if=_absent)
    count: int = Field(examples=[7])


class NumberFacet(BaseModel):
    min: int | float | None = Field(description="Null: no item has a number.", examples=[19.99])
    max: int | float | None = Field(examples=[119.0])
    buckets: list[Bucket] = Field(description="A dozen at most, with round ends.")


ValueFacet = Annotated[
    dict[str, int],
    Field(
        description="Value → items that have it, the most first; booleans and numbers as JSON writes them."
    ),
]


class WeightedText(BaseModel):
    text: str = Field(examples=["Kleid"])
    weight: float = Field(examples=[1.0])


class Interpretation(BaseModel):
    """What the words of a query were taken to mean."""

    terms: list[WeightedText] = Field(
        description="The texts that were encoded, with their weights.",
        examples=[[{"text": "Kleid", "weight": 1.0}, {"text": "schwarz", "weight": -0.5}]],
    )
    excluded: list[str] = Field(
        description='What words like "ohne" told to leave out; a part of the terms.', examples=[["schwarz"]]
    )
    normalised: str | None = Field(
        None,
        exclude_if=_absent,
        description="The query as it is spelled, where it was typed otherwise and is one text.",
        examples=["grünes Kleid"],
    )


class SearchResponse(BaseModel):
    hits: list[Hit] = Field(
        description="Best first; equal scores in catalogue order, unless words or `diversity` have a say."
    )
    total: int = Field(description="Items that pass the filter; without one, all.", examples=[8368])
    # A generated client takes the first form that fits, and to the second any object does.
    facets: dict[str, NumberFacet | ValueFacet] | None = Field(
        None,
        exclude_if=_absent,
        description="Of each field that was asked for, its most frequent values, or its range.",
        examples=[{"colour": {"red": 7}}],
    )
    facets_over: Literal["filter", "relevance"] | None = Field(
        None,
        exclude_if=_absent,
        description="What they count: all items that pass the filter, or of these all that are of "
        "`min_relevance`, where the index compares every picture. A field's own condition, at the top of the "
        "filter, does not narrow its own facet.",
    )
    index: str = Field(description="The index version.", examples=["20261122-043012-1a2b3c"])
    text_tower: Name | None = Field(description="The tower that read the text, if there was any.")
    interpreted: Interpretation | None = Field(
        None, exclude_if=_absent, description="Absent where the query has no text."
    )
    next: str | None = Field(
        description="The `cursor` of the next page. Null: there is none, or none that is asked for this way.",
        examples=["ABTEuLhK1fV9eyGJ1jnLyq1Z"],
    )
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


class FieldDescription(BaseModel):
    type: Literal["string", "integer", "number", "boolean", "list", "json"]
    of: Literal["string", "integer", "number", "boolean"] | None = Field(
        None, exclude_if=_absent, description="Of a list: the type of its elements."
    )
    missing: int = Field(description="Items that have no value.", examples=[0])
    distinct: int | None = Field(None, exclude_if=_absent, description="Different values.", examples=[12])
    values: ValueFacet | None = Field(
        None,
        exclude_if=_absent,
        description="The most frequent ones; those of more than 200 characters are left out.",
    )
    range: NumberFacet | None = Field(None, exclude_if=_absent, description="Of numbers.")


class FieldsResponse(BaseModel):
    """What the catalogue's items have, and what they can be filtered by."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "index": "20261122-043012-1a2b3c",
                    "items": 3,
                    "fields": {
                        "colour": {
                            "type": "string",
                            "missing": 0,
                            "distinct": 2,
                            "values": {"red": 2, "blue": 1},
                        },
                        "stock": {
                            "type": "integer",
                            "missing": 1,
                            "distinct": 2,
                            "range": {
                                "min": 3,
                                "max": 5,
                                "buckets": [
                                    {"gte": 3, "lt": 4, "count": 1},
                                    {"gte": 4, "lte": 5, "count": 1},
                                ],
                            },
                        },
                        "sizes": {
                            "type": "list",
                            "of": "string",
                            "missing": 1,
                            "distinct": 2,
                            "values": {"M": 2, "S": 1},
                        },
                    },
                }
            ]
        }
    )

    index: str
    items: int
    fields: dict[str, FieldDescription] = Field(description="In the order of the catalogue's columns.")


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
