"""Trains the bundled towers: `python -m models.pretrain --table hm.jsonl=2.5 … --out models/weights`.

Two encoders that were trained apart become one space, in two stages:

1. both sides together, with the contrastive loss of CLIP (Radford et al. 2021, arXiv:2103.00020): a picture
   against its text in English, in German and in one of six other languages, beside parallel text without
   pictures (teaching by translation: Reimers & Gurevych 2020, arXiv:2004.09813);
2. the text side alone, against the pictures' vectors, now fixed (the reverse of LiT: Zhai et al. 2022,
   arXiv:2111.07991): a step costs a tenth, so it sees far more text.

What is shipped is an exponential moving average of the weights, in float16. The file reads downward in the
order of the run.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models import corpus, finetune
from models.augmentation import Studio
from models.bundled import PREPROCESSING, ImageModule, TextModule, write_tower
from models.corpus import POOLS, Picture, Texts
from models.phrases import Scope
from models.sentence_encoder import Batch, Tokenizer, collate, load_pretrained

MARGIN = 256
"""Pictures are kept this large, so that a crop of PREPROCESSING.size loses little."""

FEATURE_DROPOUT = 0.2
"""Share of the image features that a training step blanks, as EfficientNet's own training does."""


@dataclass(frozen=True)
class Config:
    """One run. Each field is an option of the command line."""

    steps: int = 1150
    batch: int = 1024
    parallel_batch: int = 512
    backbone_lr: float = 6e-4
    encoder_lr: float = 3e-4
    heads_lr: float = 1e-3
    weight_decay: float = 0.1
    warmup: int = 100
    parallel_weight: float = 0.5
    piece_dropout: float = 0.1
    average: float = 0.998
    """Decay of the moving average, in steps."""
    text_steps: int = 600
    text_batch: int = 1024
    text_lr: float = 3e-4
    views: int = 4
    """Vectors of each picture in the second stage: one as it is, the others of changed copies."""
    texts: int = 16
    """Texts of each picture and pool, times the weight of its table."""
    staged: float = 0.3
    """Share of the garments on plain backdrops that are set before another photograph."""
    seed: int = 0
    workers: int = 16
    every: int = 300
    """Steps between two looks at the validation sets."""


# The data, on the device.


@dataclass(frozen=True)
class TextStore:
    """Texts as pieces on the device; a batch is a row of numbers of texts."""

    ids: Tensor
    lengths: Tensor
    scope: Tensor
    same: Tensor

    @classmethod
    def of(cls, parts: Sequence[Texts], device: torch.device) -> TextStore:
        """The parts' texts, one part after the other."""
        return cls(
            *(
                torch.from_numpy(np.concatenate([getattr(part, field.name) for part in parts])).to(device)
                for field in fields(cls)
            )
        )

    def batch(self, rows: Tensor, dropout: float = 0.0) -> Batch:
        """The pieces of these texts, cut to the longest; `dropout` blanks that share of the pieces."""
        lengths = self.lengths[rows]
        ids = self.ids[rows, : int(lengths.max())].long()
        if dropout:
            # Piece 0 is the padding's; inside the length it stands for a word that was not understood.
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < dropout, 0)
        return Batch(ids, lengths)


@dataclass(frozen=True)
class Lesson:
    """Training data on the device: pictures, their texts, and how often each is drawn."""

    studio: Studio
    texts: TextStore
    start: Tensor
    size: Tensor
    groups: Tensor
    """(3, pictures): product, kind and colour, kind, in the order of Scope."""
    weights: Tensor
    parallel: Tensor
    """(pairs, 2) numbers of texts: English, and the same in another language."""

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """(pictures (count,), texts (pools, count)): pictures by weight, and a text of each pool for each."""
        pictures = torch.multinomial(self.weights, count, replacement=False)
        chance = torch.rand(len(POOLS), count, device=pictures.device)
        size = self.size[pictures].T
        return pictures, self.start[pictures].T + (chance * size).long().clamp(max=size - 1)


def lesson(
    tables: Sequence[tuple[list[Picture], float]],
    parallel: Sequence[dict[str, str]],
    config: Config,
    device: torch.device,
) -> Lesson:
    pictures = [picture for table, _ in tables for picture in table]
    weights = np.repeat([weight for _, weight in tables], [len(table) for table, _ in tables])
    told = corpus.tell(
        pictures, [max(4, round(config.texts * w)) for w in weights], config.seed, config.workers
    )
    pixels = corpus.decode(pictures, replace(PREPROCESSING, size=MARGIN), config.workers)
    groups = np.stack([told.product, told.tone, told.kind])
    pairs = corpus.parallel(parallel)
    both = corpus.pieces([text for pair in pairs for text in pair], Tokenizer())
    return Lesson(
        Studio.of(torch.from_numpy(pixels).to(device)),
        TextStore.of([told.texts, both], device),
        torch.from_numpy(told.start).to(device),
        torch.from_numpy(told.size).to(device),
        torch.from_numpy(groups).to(device),
        torch.from_numpy(weights).float().to(device),
        torch.arange(2 * len(pairs), device=device).view(-1, 2) + len(told.texts.ids),
    )


# The loss.


def in_bfloat16(device: torch.device) -> torch.autocast:
    """Where a GPU computes it fast; a CPU would do it more slowly than float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def contrast(left: Tensor, right: Tensor, scale: Tensor, wrong: Tensor) -> Tensor:
    """CLIP's loss over matching rows of two batches; pairs outside `wrong` that do not match are left out."""
    return finetune.contrast(left, right, wrong, left.new_ones(len(left)), scale)


def against(groups: Tensor, scope: Tensor, same: Tensor) -> Tensor:
    """(n, n): whether text j is a wrong answer for picture i, of another product that it does not fit."""
    fits = groups[Scope.PRODUCT, :, None] == groups[Scope.PRODUCT]
    for wider in (Scope.KIND_AND_COLOUR, Scope.KIND):
        fits |= (scope == wider) & (groups[wider, :, None] == groups[wider])
    return ~(fits | (same[:, None] == same))


class Pair(nn.Module):
    """Both towers and the temperature, as one thing to train and to average."""

    def __init__(self) -> None:
        super().__init__()
        self.image = ImageModule()
        self.text = TextModule()
        self.log_scale = nn.Parameter(torch.tensor(20.0).log())

    @property
    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=100)


def loss_of(
    pair: Pair, data: Lesson, config: Config, *, vectors: Tensor, pictures: Tensor, rows: Tensor
) -> Tensor:
    """Pictures' vectors against a text of each pool, and English texts against their translations."""
    store = data.texts
    english, foreign = data.parallel[
        torch.randint(len(data.parallel), (config.parallel_batch,), device=rows.device)
    ].T
    said = torch.cat([rows.flatten(), english, foreign])
    with in_bfloat16(said.device):
        meant = pair.text(*store.batch(said, config.piece_dropout))
    # Similarities are compared in full precision: at this temperature bfloat16 would round them to an eighth.
    parts = torch.split(meant.float(), [*map(len, rows), len(english), len(foreign)])
    groups = data.groups[:, pictures]
    own = [
        contrast(vectors, text, pair.scale, against(groups, store.scope[row], store.same[row]))
        for row, text in zip(rows, parts, strict=False)
    ]
    wrong = store.same[english, None] != store.same[english]
    translated = contrast(parts[-2], parts[-1], pair.scale, wrong)
    return torch.stack(own).mean() + config.parallel_weight * translated


# Looking at how it goes.


@dataclass(frozen=True)
class Trial:
    """A validation set: queries, a gallery, and (queries, gallery) which answers are right."""

    name: str
    queries: Batch
    gallery: NDArray[np.uint8]
    right: Tensor


def trial(
    name: str, pairs: Sequence[tuple[str, str]], places: dict[str, int], gallery: NDArray[np.uint8]
) -> Trial:
    """From (query, id of a right picture); several pairs may share a query. `places`: id → row of gallery."""
    queries = list(dict.fromkeys(query for query, _ in pairs))
    number = {query: row for row, query in enumerate(queries)}
    right = torch.zeros(len(queries), len(gallery), dtype=torch.bool)
    for query, item in pairs:
        right[number[query], places[item]] = True
    return Trial(name, collate(Tokenizer()(queries)), gallery, right)


@torch.inference_mode()
def score(pair: Pair, trial: Trial, device: torch.device) -> dict[str, float]:
    """Shares of queries whose first right answer comes first, in the first 10 and 20; and mRR@20."""
    pair.eval()
    gallery = torch.cat(
        [pair.image(part.to(device)) for part in torch.split(torch.from_numpy(trial.gallery), 256)]
    )
    queries = pair.text(*(part.to(device) for part in trial.queries))
    order = (queries @ gallery.T).argsort(dim=1, descending=True)
    rank = trial.right.to(device).gather(1, order).int().argmax(1) + 1
    reciprocal = torch.where(rank <= 20, 1 / rank, torch.zeros_like(rank, dtype=torch.float32))
    shares = {f"hits@{k}": (rank <= k).float().mean().item() for k in (1, 10, 20)}
    return {
        "n": len(rank),
        **{name: round(x, 4) for name, x in shares.items()},
        "mRR@20": round(reciprocal.mean().item(), 4),
    }


def report(
    pair: Pair, trials: Sequence[Trial], device: torch.device, label: str
) -> dict[str, dict[str, float]]:
    scores = {trial.name: score(pair, trial, device) for trial in trials}
    print(
        label,
        *(
            f"{name}: " + " ".join(f"{x:.3f}" for key, x in found.items() if key != "n")
            for name, found in scores.items()
        ),
        sep="  ",
        flush=True,
    )
    return scores


# The two stages.


def optimise(
    pair: Pair,
    groups: list[dict[str, Any]],
    config: Config,
    *,
    steps: int,
    step_loss: Callable[[], Tensor],
    look: Callable[[Pair, int], object],
) -> Pair:
    """Runs the steps and returns the moving average of the weights; `look` sees it now and then."""
    average = copy.deepcopy(pair)
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=torch.cuda.is_available())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [group["lr"] for group in groups],
        total_steps=steps,
        pct_start=min(0.3, config.warmup / steps),
        cycle_momentum=False,
    )
    mean, current = (
        [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]
        for module in (average, pair)
    )
    began = time.perf_counter()
    for step in range(1, steps + 1):
        pair.train()
        loss = step_loss()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(pair.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            # Early on the average is young: a fixed decay would hold it at the start.
            torch._foreach_lerp_(mean, current, 1 - min(config.average, (1 + step) / (10 + step)))
        if step % config.every == 0 or step == steps:
            pace = (time.perf_counter() - began) / step * 1e3
            print(f"step {step} loss {loss.item():.3f} scale {pair.scale.item():.1f} {pace:.0f} ms/step")
            look(average, step)
    return average


def together(pair: Pair, data: Lesson, config: Config, look: Callable[[Pair, int], object]) -> Pair:
    """The first stage: both sides."""

    def step_loss() -> Tensor:
        pictures, rows = data.draw(config.batch)
        with in_bfloat16(pictures.device):
            vectors = pair.image(data.studio.changed(pictures, PREPROCESSING.size, config.staged))
        return loss_of(pair, data, config, vectors=vectors.float(), pictures=pictures, rows=rows)

    groups = [
        {"params": list(pair.image.backbone.parameters()), "lr": config.backbone_lr},
        {"params": list(pair.text.encoder.parameters()), "lr": config.encoder_lr},
        {
            "params": [*pair.image.projection.parameters(), *pair.text.head.parameters(), pair.log_scale],
            "lr": config.heads_lr,
        },
    ]
    return optimise(pair, groups, config, steps=config.steps, step_loss=step_loss, look=look)


def text_alone(pair: Pair, data: Lesson, config: Config, look: Callable[[Pair, int], object]) -> Pair:
    """The second stage: the text side against vectors of the pictures and of changed copies of them."""
    changes = [None, *[config.staged] * (config.views - 1)]
    views = torch.stack([seen(pair.image, data.studio, staged) for staged in changes])

    def step_loss() -> Tensor:
        pictures, rows = data.draw(config.text_batch)
        vectors = views[torch.randint(config.views, pictures.shape, device=pictures.device), pictures]
        return loss_of(pair, data, config, vectors=vectors, pictures=pictures, rows=rows)

    groups = [{"params": [*pair.text.parameters(), pair.log_scale], "lr": config.text_lr}]
    return optimise(pair, groups, config, steps=config.text_steps, step_loss=step_loss, look=look)


@torch.inference_mode()
def seen(image: ImageModule, studio: Studio, staged: float | None) -> Tensor:
    """Vectors of all pictures: as they are where `staged` is None, else of changed copies."""
    image.eval()
    size, parts = PREPROCESSING.size, []
    for rows in torch.split(torch.arange(len(studio.pixels), device=studio.pixels.device), 512):
        if staged is None:
            planes = studio.pixels[rows].permute(0, 3, 1, 2).float()
            planes = F.interpolate(planes, size=size, mode="bicubic", antialias=True)
            squares = planes.clamp(0, 255).permute(0, 2, 3, 1)
        else:
            squares = studio.changed(rows, size, staged)
        with in_bfloat16(rows.device):
            parts.append(image(squares).float())
    return torch.cat(parts)


# The run.


def pretrained(image_weights: Path) -> Pair:
    """Where training starts: the sentence encoder's own weights and an image backbone that knows ImageNet.

    The image weights name their layers as another library does; they are the same ones in the same order.
    """
    pair = Pair()
    load_pretrained(pair.text.encoder)
    for parameter in pair.text.head[-1].parameters():
        # The residual head starts silent, so that training starts from the encoder's own vectors.
        nn.init.zeros_(parameter)
    # Read by timm's classifier head, in training only.
    pair.image.backbone.drop_rate = FEATURE_DROPOUT  # type: ignore[assignment]
    known = torch.load(image_weights, map_location="cpu", weights_only=True)
    names = pair.image.backbone.state_dict()
    pair.image.backbone.load_state_dict(dict(zip(names, known.values(), strict=False)))
    return pair


def validation(argument: str, config: Config) -> list[Trial]:
    """`queries.jsonl:split=gallery.jsonl:split`, a trial for each language of its rows.

    A row has `query`, `item` and perhaps `lang`, or German captions.
    """
    (queries, asked), (gallery, shown) = (
        (Path(part.partition(":")[0]), part.partition(":")[2] or None) for part in argument.split("=")
    )
    pictures = corpus.read_table(gallery, shown)
    rows = [json.loads(line) for line in queries.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if asked is None or row.get("split") == asked]
    asked_in: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        if "query" in row:
            asked_in.setdefault(row.get("lang") or "all", []).append((row["query"], str(row["item"])))
        for caption in row.get("captions", {}).get("de", []):
            asked_in.setdefault("de", []).append((caption, row["id"]))
    name = f"{queries.stem}:{asked or 'all'}"
    shown_pixels = corpus.decode(pictures, PREPROCESSING, config.workers)
    places = {str(picture.row["id"]): column for column, picture in enumerate(pictures)}
    return [trial(f"{name}:{lang}", pairs, places, shown_pixels) for lang, pairs in asked_in.items()]


def write(pair: Pair, folder: Path, card: dict[str, Any]) -> None:
    """The two towers, ready for `bundled.open_text` and `bundled.open_image`."""
    card |= {"created": datetime.date.today().isoformat()}
    image = write_tower(folder / "image", pair.image.cpu(), id="bundled", **card)
    write_tower(folder / "base", pair.text.cpu(), id="base", space=image.space, **card)


def shipped(pair: Pair) -> Pair:
    """The pair with its weights rounded as they will be shipped."""
    rounded = copy.deepcopy(pair)
    rounded.load_state_dict(
        {
            name: tensor.half().float() if tensor.is_floating_point() else tensor
            for name, tensor in pair.state_dict().items()
        }
    )
    return rounded


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table",
        action="append",
        required=True,
        help="pictures with fields, and how often each is drawn: hm.jsonl=2.5; only rows of the split train",
    )
    parser.add_argument(
        "--parallel", action="append", default=[], type=Path, help="JSONL of one text in several languages"
    )
    parser.add_argument("--validate", action="append", default=[], help="QUERIES[:split]=GALLERY[:split]")
    parser.add_argument(
        "--image-weights", type=Path, required=True, help="state dict of an EfficientNet-Lite2"
    )
    parser.add_argument("--terms", default="", help="terms under which the weights may be used")
    parser.add_argument("--out", type=Path, required=True)
    for field in fields(Config):
        parser.add_argument(
            "--" + field.name.replace("_", "-"), type=type(field.default), default=field.default
        )
    options = parser.parse_args(arguments)
    config = Config(**{field.name: getattr(options, field.name) for field in fields(Config)})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Runs of every seed begin at the same weights, so that the average of several is one too.
    torch.manual_seed(0)
    pair = pretrained(options.image_weights).to(device)
    pair = pair.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.manual_seed(config.seed)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True

    named = [
        (Path(name), float(weight or 1))
        for name, _, weight in (table.partition("=") for table in options.table)
    ]
    tables = [(corpus.read_table(path, "train"), weight) for path, weight in named]
    parallel = [
        json.loads(line)
        for path in options.parallel
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    parallel += [p.row["translation"] for table, _ in tables for p in table if "translation" in p.row]
    trials = [trial for argument in options.validate for trial in validation(argument, config)]
    data = lesson(tables, parallel, config, device)
    print(
        f"{len(data.studio.pixels)} pictures, {len(data.texts.ids)} texts, {len(data.parallel)} pairs, "
        f"on {device}"
    )

    pair = together(
        pair, data, config, lambda average, step: report(average, trials, device, f"both sides, {step}")
    )
    pair = text_alone(
        pair, data, config, lambda average, step: report(average, trials, device, f"text alone, {step}")
    )
    pair = shipped(pair)
    metrics = report(pair, trials, device, "shipped")
    rows = [
        {"name": path.name, "rows": len(table)} for (path, _), (table, _) in zip(named, tables, strict=True)
    ]
    rows += [{"name": path.name, "rows": sum(1 for _ in path.open())} for path in options.parallel]
    write(
        pair,
        options.out,
        {
            "recipe": asdict(config)
            | {"tables": [f"{path.parent.name}/{path.name}={weight:g}" for path, weight in named]},
            "data": rows,
            "terms": options.terms,
            "metrics": metrics,
        },
    )


if __name__ == "__main__":
    main()
