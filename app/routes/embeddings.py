"""Embeddings: the vectors that the service itself searches with, in OpenAI's form."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from fastapi import APIRouter
from PIL import Image

from app.dependencies import EngineDep, ImagesDep, NoParameters
from app.embedding_schemas import (
    DEFAULT_MODEL,
    Embedding,
    EmbeddingPicture,
    EmbeddingRequest,
    EmbeddingResponse,
    EmbeddingUsage,
)
from app.encoding import Vector
from app.images import Images
from app.middleware import MAX_BODY
from app.problems import UploadTooLarge, documented
from models.pictures import MAX_BYTES, PictureError

router = APIRouter(tags=["embeddings"])


@router.post(
    "/v1/embeddings",
    summary="Embed texts and pictures",
    responses=documented(404, 408, 409, 413, 422, 429, 503),
)
def create_embeddings(
    request: EmbeddingRequest, _: NoParameters, engine: EngineDep, images: ImagesDep
) -> EmbeddingResponse:
    """OpenAI's form, so that its clients can ask for what the index is searched with; of its inputs without
    arrays of tokens, and with pictures."""
    inputs = request.input if isinstance(request.input, list) else [request.input]
    texts = [given for given in inputs if isinstance(given, str)]
    if sum(len(text.encode()) for text in texts) > MAX_BODY:
        raise UploadTooLarge(f"the texts are larger than the limit of {MAX_BODY:,} bytes")
    tower = None if request.model == DEFAULT_MODEL else request.model
    embedded = engine.embed(_decoded(inputs, images), text_tower=tower, dimensions=request.dimensions)
    as_base64 = request.encoding_format == "base64"
    data = [
        Embedding(index=at, embedding=_encoded(vector) if as_base64 else vector.tolist())
        for at, vector in enumerate(embedded.vectors)
    ]
    usage = EmbeddingUsage(prompt_tokens=embedded.pieces, total_tokens=embedded.pieces)
    return EmbeddingResponse(data=data, model=embedded.text_tower, usage=usage)


def _decoded(inputs: list[str | EmbeddingPicture], images: Images) -> Iterator[str | Image.Image]:
    """One after the other: a picture may take a hundred megabytes once it is decoded."""
    for given in inputs:
        yield given if isinstance(given, str) else images.decode(_bytes(given))


def _bytes(picture: EmbeddingPicture) -> bytes:
    try:
        data = base64.b64decode(picture.image.partition(",")[2], validate=True)
    except ValueError as error:
        raise PictureError(f"the picture is no base64: {error}") from None
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(f"the picture is larger than the limit of {MAX_BYTES:,} bytes")
    return data


def _encoded(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
