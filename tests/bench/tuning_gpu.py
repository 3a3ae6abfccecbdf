"""Fine-tuning the text side of xlm-roberta-base-ViT-B-32 on a GPU: its time, and what spares memory.

`python -m tests.bench.tuning_gpu` runs it alone; it needs torch, open_clip, transformers, timm and peft. The
model has its full size and random weights, which changes no time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.cards import Card
from models.examples import Examples
from models.finetune import Step, finetune
from models.recipe import Config, settle
from models.towers import TrainableText, Vectors
from tests.bench.models import TEXT_MODELS
from tests.bench.phrases import distinct

# open_clip, transformers and tokenizers take seconds to load, and can only be imported after torchvision.
# ruff: noqa: PLC0415

TRAIN, VAL, ITEMS, EPOCHS = 10_000, 1_000, 8_000, 5
MODEL = TEXT_MODELS["xlm-roberta-base"]
DIM = 512
PIECES = 8_000
"""Of the tokenizer, which is trained on the queries; the table of embeddings keeps its 250,002 rows."""
QUERIES = Path(__file__).parents[3] / "shared" / "data" / "fashion12k-queries.jsonl"
LARGE = 4_096
RUNS = {
    "batch 250": Config(),
    "batch 250, lora": Config(trainable="lora"),
    "batch 250, the last 3 layers": Config(trainable="last:3"),
    f"batch {LARGE:,}": Config(batch=LARGE),
    f"batch {LARGE:,}, gradient checkpointing": Config(batch=LARGE, gradient_checkpointing=True),
    f"batch {LARGE:,}, microbatch 256": Config(batch=LARGE, microbatch=256),
    f"batch {LARGE:,}, both": Config(batch=LARGE, microbatch=256, gradient_checkpointing=True),
    f"batch {LARGE:,}, lora": Config(batch=LARGE, trainable="lora"),
}


def measure() -> Iterator[tuple[str, str]]:
    if not torch.cuda.is_available():
        yield "skipped", "needs a GPU"
        return
    yield "device", torch.cuda.get_device_name()
    queries = _queries(TRAIN + VAL)
    with tempfile.TemporaryDirectory() as folder:
        tower = _tower(Path(folder), queries, torch.device("cuda"))
        size = sum(part.numel() for part in tower.module.parameters())
        pieces = np.mean([len(ids) for ids in tower.tokenize(queries)])
        yield "text side", f"{size / 1e6:.0f} M parameters; {pieces:.1f} pieces a query"
        for name, config in RUNS.items():
            found = _tuned(tower, queries, config, Path(folder) / name)
            yield f"{name}: {TRAIN:,} pairs × {EPOCHS} epochs, in all", f"{found.seconds:.1f} s"
            yield (
                "  of it training",
                f"{found.training:.1f} s, {TRAIN * EPOCHS / found.training:,.0f} pairs/s",
            )
            yield "  peak of the GPU's memory", f"{found.peak / 1e9:.1f} GB"


@dataclass
class _Run:
    """How long a run took in all, and in its steps alone: without start, validation and checkpoints."""

    seconds: float = 0.0
    training: float = 0.0
    peak: int = 0
    _last: float = field(default_factory=time.perf_counter)
    _told: int = 0

    def on_step(self, step: Step) -> None:
        now = time.perf_counter()
        if step.metrics is None:
            self.training += now - self._last
            self._told += 1
        self._last = now
        if step.step == step.steps:  # an epoch's last step is told after the validation: it took as long
            self.training *= step.steps / self._told


def _tuned(tower: TrainableText, queries: Sequence[str], config: Config, checkpoint: Path) -> _Run:
    vectors = _vectors()
    items = np.random.default_rng(1).integers(0, ITEMS, len(queries))
    train, val = (
        Examples(queries[part], items[part], np.ones(len(items[part]), dtype=np.float32))
        for part in (slice(0, TRAIN), slice(TRAIN, TRAIN + VAL))
    )
    config = settle(replace(config, epochs=EPOCHS, patience=EPOCHS), tower)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    run = _Run()
    finetune(
        tower,
        train,
        val,
        vectors,
        np.arange(ITEMS),
        config,
        on_step=run.on_step,
        cancelled=lambda: False,
        checkpoint=checkpoint,
    )
    run.seconds = time.perf_counter() - started
    run.peak = torch.cuda.max_memory_allocated()
    return run


def _queries(count: int) -> list[str]:
    """Real ones where they are at hand."""
    if not QUERIES.is_file():
        return distinct(count)
    with QUERIES.open(encoding="utf-8") as file:
        return [json.loads(line)["de"] for line in file][:count]


def _vectors() -> Vectors:
    vectors: Vectors = np.random.default_rng(0).standard_normal((ITEMS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _tower(folder: Path, queries: Sequence[str], device: torch.device) -> TrainableText:
    """The model's text side, as a version in `folder` would be opened."""
    from models.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    from open_clip.hf_model import HFTextEncoder
    from open_clip.tokenizer import HFTokenizer

    from models.openclip_tokenizer import Ids
    from models.openclip_towers import FAMILY, OpenClipText, TextModule

    (folder / "config.json").write_text(json.dumps(MODEL), encoding="utf-8")
    _write_tokenizer(folder / "tokenizer", queries)
    with device:
        text = HFTextEncoder(str(folder), DIM, pooler_type="mean_pooler", proj_type="mlp", pretrained=False)
    card = Card("full-size", FAMILY, space="0" * 16, dim=DIM, weights="0" * 64)
    ids = Ids(HFTokenizer(str(folder / "tokenizer"), context_length=77))
    return OpenClipText(card, TextModule(text), ids, folder)


def _write_tokenizer(folder: Path, queries: Sequence[str]) -> None:
    import tokenizers
    import transformers
    from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer: Any = tokenizers.Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=PIECES, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(queries, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    kind: Any = transformers.PreTrainedTokenizerFast
    kind(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


if __name__ == "__main__":
    for name, value in measure():
        print(f"  {name:<70} {value}", flush=True)
