"""Items of the catalogue, their neighbours and their pictures."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Header, Path, Query, Response

from app import schemas
from app.dependencies import EngineDep, ImagesDep, NoParameters
from app.images import ImageGone, Kind, tag
from app.problems import documented
from app.routes.search import image_url, respond

router = APIRouter(tags=["items"])

# A generator of clients wants to be told that a picture is bytes.
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": _BYTES, "image/webp": _BYTES}, "description": "The picture."},
    304: {"description": "The client holds the picture that the ETag names."},
}

# The path reaches the routes as it was sent (see RawIds), so that an id may end in "/similar".
ItemId = Annotated[str, Path(description="An item's id, percent-encoded.", examples=["demo-0001"])]


@router.get("/items/{id:path}/similar", summary="Similar items", responses=documented(404, 422, 429, 503))
def similar(
    id: ItemId, query: Annotated[schemas.SimilarQuery, Query()], engine: EngineDep
) -> schemas.SearchResponse:
    """The items nearest to the mean of this item's pictures; the item itself is left out."""
    started = time.perf_counter()
    return respond(engine.similar(unquote(id), limit=query.limit, offset=query.offset), started)


@router.get("/items/{id:path}", summary="One item", responses=documented(404, 422, 429, 503))
def item(id: ItemId, _: NoParameters, engine: EngineDep) -> schemas.ItemResponse:
    name = unquote(id)
    index, row, fields = engine.fields(name)
    images = [image_url(name, picture) for picture in range(len(index.picture_rows(row)))]
    return schemas.ItemResponse(id=name, images=images, fields=fields, index=index.version)


@router.get(
    "/images/{id:path}",
    summary="A picture of an item",
    response_class=Response,
    responses=_PICTURE | documented(404, 422, 429, 503),
)
def image(
    id: ItemId,
    query: Annotated[schemas.ImageQuery, Query()],
    engine: EngineDep,
    images: ImagesDep,
    headers: Annotated[schemas.ImageHeaders, Header()],
) -> Response:
    """WebP where the client accepts it by name, else JPEG; always encoded by us."""
    index, row, _ = engine.fields(unquote(id))
    pictures = index.picture_rows(row)
    if query.n >= len(pictures):
        raise ImageGone(
            f"item {unquote(id)!r} has {len(pictures)} pictures, counted from 0: there is no {query.n}"
        )
    source, sha256 = index.picture(pictures[query.n])
    kind: Kind = "WEBP" if _accepts_webp(headers.accept) else "JPEG"
    caching = {
        "ETag": f'"{tag(sha256, query.width, kind)}"',
        "Cache-Control": "public, max-age=3600",
        "Vary": "Accept",
    }
    if caching["ETag"] in headers.if_none_match:
        return Response(status_code=304, headers=caching)
    content = images.render(source, sha256, query.width, kind)
    return Response(content, headers=caching, media_type=f"image/{kind.lower()}")


def _accepts_webp(accept: str) -> bool:
    """Whether an Accept header names WebP, and not to refuse it."""
    for part in accept.split(","):
        media, *parameters = (text.strip() for text in part.split(";"))
        if media == "image/webp":
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False
