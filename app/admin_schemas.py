"""What crosses the wire between the service and its operators."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.problems import Problem
from app.schemas import Name
from models.cards import is_id
from models.recipe import BUNDLED, MAX_BATCH, RANK, TRAINABLE, TRANSFORMER, TRANSLATION, Config
from models.towers import Device
from models.wise_ft import MAX_GUARD_LOSS

MAX_PATH = 1_024
"""Characters."""

DataPath = Annotated[Name, Field(min_length=1, max_length=MAX_PATH)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TunedShare = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


def _tower_id(text: str) -> str:
    if not is_id(text):
        raise PydanticCustomError(
            "bad_value",
            "a tower's id has 1 to 64 of the characters a-z 0-9 . _ - and begins with a letter or a digit",
        )
    return text


TowerId = Annotated[
    Name,
    AfterValidator(_tower_id),
    Field(json_schema_extra={"pattern": "^[a-z0-9][a-z0-9._-]{0,63}$", "minLength": 1, "maxLength": 64}),
]


class Exact(BaseModel):
    """Unknown members are refused, and a value of another type is not made to fit."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ReindexRequest(Exact):
    """POST /admin/reindex"""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{}, {"catalogue": "catalogue.csv"}]}
    )

    catalogue: DataPath | None = Field(
        None,
        description="A file or folder in VITRINE_DATA; by default what the current index was made from, else "
        "VITRINE_CATALOGUE.",
    )
    images: DataPath | None = Field(
        None, description="Folder or tar, in VITRINE_DATA too, that picture paths are relative to."
    )
    image_tower: Annotated[Name, Field(min_length=1, max_length=256)] | None = Field(
        None,
        description="As `vitrine index --tower` names it; a path in the name lies in VITRINE_DATA or in "
        "models/ of the home. By default that of the current index, else VITRINE_IMAGE_TOWER.",
        examples=["bundled"],
    )
    publish: bool = Field(True, description="False: the new version is written, and not yet served.")
    full: bool = Field(False, description="Embed again what has not changed, too.")


class FinetuneOptions(Exact):
    """What `vitrine finetune` is given as options, by their names there."""

    split: Annotated[Name, Field(min_length=1, max_length=64)] | None = Field(
        "train", description="The rows to learn from, where the file has a column `split`; null: all."
    )
    out: TowerId | None = Field(
        None, description="The new tower's id; by default one is made.", examples=["shop-de"]
    )
    activate: bool = Field(False, description="Make it the active tower if it passes the gate.")
    gate: DataPath | None = Field(
        None, description="Pairs in VITRINE_DATA that decide, in the place of the part set aside for it."
    )
    guard: Annotated[list[DataPath], Field(max_length=16)] = Field(
        [], description="Query sets in VITRINE_DATA that must not get worse, beside the drawn ones."
    )
    parallel: bool = Field(
        False, description="Learn a language instead: the columns are `query` and `translation`."
    )
    wise_ft: Literal["auto", "off"] | TunedShare = Field(
        "auto",
        description="Share of the tuned weights; auto: the best of five on the validation part; off: 1.",
    )
    max_guard_loss: Share = Field(MAX_GUARD_LOSS, description="How far mRR@20 may fall on a guard set.")
    epochs: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        None, description=f"By default {Config.epochs}, and {TRANSLATION.epochs} with `parallel`."
    )
    batch: Annotated[int, Field(ge=2, le=MAX_BATCH)] = Field(
        Config.batch, description="Pairs of a step; each is told apart from all the others."
    )
    microbatch: Annotated[int, Field(ge=1, le=MAX_BATCH)] | None = Field(
        None,
        description="Texts that are in memory at a time, where the batch is too large for it; what is learnt "
        "stays the same. By default all of the batch.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute the insides of layers twice rather than keep them: less memory, slower."
    )
    device: Device = Field("auto", description="auto: the GPU where there is one.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        cast(Any, Config.precision),
        description="bf16: the forward pass in bfloat16, over weights in float32; auto: so on a GPU.",
    )
    lr: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = Field(
        None,
        description=f"Peak of the learning rate. By default {BUNDLED.rates['all']:g} for a bundled tower "
        f"({BUNDLED.translation:g} with `parallel`), {TRANSFORMER.rates['all']:g} for a transformer "
        f"({TRANSFORMER.rates['lora']:g} with `lora`, {TRANSFORMER.rates['projection']:g} for a head alone).",
    )
    weight_decay: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = Config.weight_decay
    warmup: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        Config.warmup, description="Share of the steps."
    )
    optimiser: Annotated[Name, Field(min_length=1, max_length=64)] = Field(
        Config.optimiser, description="Any of timm's, by its name there."
    )
    clip: Literal["norm", "agc"] = Field(
        cast(Any, Config.clip), description="agc: adaptive gradient clipping."
    )
    scale: Literal["learnable"] | Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = (
        Field(
            None,
            description="Factor of the similarities in the loss. By default "
            f"{BUNDLED.scale:g} for a bundled tower, {TRANSFORMER.scale:g} for a transformer.",
        )
    )
    trainable: Annotated[str, Field(pattern=rf"^({TRAINABLE})$")] = Field(
        Config.trainable,
        description="all, last:N (the last N layers and the head), projection (the head alone), or, for "
        f"transformers, lora or lora:RANK (low-rank adapters of all layers, of rank {RANK}, and the head).",
    )
    head_first: Annotated[int, Field(ge=0, le=1_000)] = Field(
        Config.head_first, description="Epochs of the head alone, before the others."
    )
    patience: Annotated[int, Field(ge=1, le=1_000)] = Field(
        Config.patience,
        description="Epochs without a better mRR@20 on the validation part, after which it ends.",
    )
    negatives: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        Config.negatives, description="Items drawn in each step as further wrong answers."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Config.seed


class FinetuneRequest(FinetuneOptions):
    """POST /admin/finetune (JSON)"""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"pairs": "pairs.csv", "out": "shop-de", "activate": True}]},
    )

    pairs: DataPath = Field(description="JSONL or CSV in VITRINE_DATA with the columns query, item.")


class EvaluateOptions(Exact):
    """What `vitrine evaluate` is given as options."""

    split: Annotated[Name, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Only the rows of this split."
    )
    lang: Annotated[Name, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Only the rows of this language."
    )
    text_towers: Annotated[list[TowerId], Field(min_length=1, max_length=16)] | None = Field(
        None, description="The first is the one that the others are compared with; by default the active one."
    )


class EvaluateRequest(EvaluateOptions):
    """POST /admin/evaluate (JSON)"""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"queries": "queries.csv", "text_towers": ["base"]}]},
    )

    queries: DataPath = Field(description="JSONL or CSV in VITRINE_DATA with the columns query, item.")


class Progress(BaseModel):
    stage: str = Field(examples=["training"])
    done: int = Field(examples=[30])
    total: int = Field(description="0 where it is not known.", examples=[48])
    eta_s: float | None = Field(description="Seconds left, as far as can be told.", examples=[21.5])
    metrics: dict[str, float | None] = Field(
        {}, description="The latest values.", examples=[{"loss": 1.9, "mRR@20": 0.41}]
    )


class JobResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["01jd2m6c5v"])
    kind: Literal["reindex", "finetune", "evaluate"]
    state: Literal["queued", "running", "finished", "failed", "cancelled"]
    created: str = Field(examples=["2026-11-22T09:00:00+00:00"])
    started: str | None
    finished: str | None = Field(description="When it ended, however it did.")
    progress: Progress | None
    log: list[str]
    result: dict[str, Any] | None = Field(description="Of a finished job.")
    error: Problem | None = Field(description="Of a failed job.")


class JobsResponse(BaseModel):
    jobs: list[JobResponse] = Field(description="The newest 100, the newest first.")


class TowerResponse(BaseModel):
    """A tower's card, and whether it answers searches of its space when none is named."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["base"])
    active: bool
    family: str
    space: str = Field(description="It searches every index of this space, and no other.")
    dim: int
    weights: str = Field(description="The content hash of its weights.")
    parent: dict[str, str] | None = Field(
        description="Id and content hash of the tower that it was tuned from."
    )
    recipe: dict[str, Any]
    data: list[dict[str, Any]] = Field(description="What it learnt from.")
    metrics: dict[str, Any]
    terms: str
    created: str


class TowersResponse(BaseModel):
    towers: list[TowerResponse] = Field(description="By id.")


class Serving(BaseModel):
    """What answers searches now."""

    index: str = Field(examples=["20261122-043012-123456"])
    text_tower: str = Field(examples=["base"])
    space: str


class ActivateTower(Exact):
    """PUT /admin/towers/active"""

    id: TowerId = Field(examples=["base"])


class ActiveTower(BaseModel):
    """The tower that is active in its space now."""

    id: str = Field(examples=["base"])
    space: str
    serving: Serving | None = Field(description="Null: there is no index yet.")


class IndexResponse(BaseModel):
    """An index version's manifest, and whether it is the current one."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(examples=["20261122-043012-123456"])
    active: bool
    created: str
    image_tower: str = Field(examples=["bundled"])
    space: str
    dim: int
    items: int
    pictures: int
    quarantined: int = Field(description="Rows and pictures that were set aside.")
    catalogue: dict[str, Any] = Field(description="What it was made from.")


class IndexesResponse(BaseModel):
    indexes: list[IndexResponse] = Field(description="The newest first.")


class ActivateIndex(Exact):
    """PUT /admin/indexes/active"""

    version: Annotated[Name, Field(min_length=1, max_length=64)] = Field(examples=["20261122-043012-123456"])


class ActiveIndex(BaseModel):
    """The index version that is current now."""

    version: str = Field(examples=["20261122-043012-123456"])
    serving: Serving
