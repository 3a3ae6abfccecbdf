"""Pieces of the kinds of tokenizers that open_clip's models come with, spelled alike."""

from __future__ import annotations

from typing import Any

import pytest
import tokenizers
import transformers
from tokenizers import decoders, models, pre_tokenizers, processors

from models.openclip_tokenizer import Ids, Pieces


class Wrapped:
    """What open_clip makes of a tokenizer of transformers, as far as it is looked at."""

    tokenizer_mode = ""

    def __init__(self, tokenizer: tokenizers.Tokenizer, *, context_length: int = 8) -> None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
        )
        self.tokenizer: Any = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>"
        )
        self.context_length = context_length

    def clean_fn(self, text: str) -> str:
        return " ".join(text.split())

    def __call__(self, texts: list[str]) -> Any:
        return self.tokenizer(
            texts,
            return_tensors="pt",
            max_length=self.context_length,
            padding="max_length",
            truncation=True,
        ).input_ids


SPECIAL = {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}


def word_pieces() -> tokenizers.Tokenizer:
    """BERT's kind: what goes on a word begins with ##."""
    vocabulary = SPECIAL | {"Som": 4, "##mer": 5, "##kleid": 6, "rot": 7}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def byte_pieces() -> tokenizers.Tokenizer:
    """GPT-2's and RoBERTa's kind: letters stand for bytes, Ġ for a space; ü is one piece, ß is two."""
    pieces = ["r", "o", "t", "Ġ", "ro", "rot", "Ġg", "g", "Ã", "¼", "Ã¼", "Ł", "n"]
    vocabulary = SPECIAL | {piece: 4 + place for place, piece in enumerate(pieces)}
    merges = [("r", "o"), ("ro", "t"), ("Ġ", "g"), ("Ã", "¼")]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.mark.parametrize(
    ("tokenizer", "text", "pieces"),
    [
        (word_pieces(), "rot  Sommerkleid", ["▁rot", "▁Som", "mer", "kleid"]),
        (word_pieces(), "rot ☃ Som", ["▁rot", "▁[?☃]", "▁Som"]),
        (byte_pieces(), "rot gün", ["▁", "rot", "▁g", "ü", "n"]),
        (byte_pieces(), "ß", ["▁", "<0xC3>", "<0x9F>"]),
    ],
    ids=["word pieces", "unknown word", "bytes", "half a character"],
)
def test_pieces_are_spelled_alike(tokenizer: tokenizers.Tokenizer, text: str, pieces: list[str]) -> None:
    """▁ begins a word, whatever the tokenizer writes there; joined they are the text as it is read."""
    found = []
    for piece in Pieces(Wrapped(tokenizer)).read(text).pieces:
        mark = "▁" * piece.text.startswith("▁")
        found.append(piece.text if piece.known else f"{mark}[?{piece.text.removeprefix('▁')}]")
    assert found == pieces


def test_a_reading_ends_where_the_tower_stops() -> None:
    """Eight places, two of them for the marks: six pieces are read, the seventh is not."""
    pieces = Pieces(Wrapped(word_pieces()))
    assert (len(pieces.read("rot " * 6).pieces), pieces.read("rot " * 6).cut) == (6, False)
    assert (len(pieces.read("rot " * 7).pieces), pieces.read("rot " * 7).cut) == (6, True)


def test_ids_have_no_padding() -> None:
    """As open_clip's tokenizer makes them, but for the padding; a text that is cut keeps its last mark."""
    ids = Ids(Wrapped(word_pieces()))
    assert ids(["rot", "", "rot " * 20]) == [[0, 7, 1], [0, 1], [0, 7, 7, 7, 7, 7, 7, 1]]
    assert (ids.length, ids.padding) == (8, 2)
    assert ids([]) == []
