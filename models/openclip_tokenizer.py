"""How open_clip's tokenizers take a text apart: as the ids that a tower reads, and as pieces for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.towers import Piece, Reading

_WORD = "▁"
_END_OF_WORD = "</w>"

Cut = Callable[[str], list[Piece]]


class Ids:
    """Text → rows of ids, as open_clip's own tokenizer makes them, without the padding at their ends.

    Safe to call from one thread at a time: the tokenizers of transformers keep their settings in themselves.
    """

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer` is what `open_clip.get_tokenizer` returns."""
        self._tokenizer = tokenizer
        self.length: int = tokenizer.context_length
        """How many ids the tower reads, the marks for begin and end counted."""
        self.padding: int = tokenizer.tokenizer.pad_token_id if _is_of_transformers(tokenizer) else 0

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        rows: list[list[int]] = self._tokenizer([_encodable(text) for text in texts]).tolist()
        return [self._without_padding(row) for row in rows]

    def _without_padding(self, row: list[int]) -> list[int]:
        end = len(row)
        while end > 0 and row[end - 1] == self.padding:
            end -= 1
        return row[:end]


class Pieces:
    """Text → pieces, spelled alike whichever kind of tokenizer it is. Safe to call from several threads."""

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer` is what `open_clip.get_tokenizer` returns, and is not used elsewhere."""
        self._clean: Callable[[str], str] = tokenizer.clean_fn
        if _is_of_transformers(tokenizer):
            self._cut = _cut_of_transformers(tokenizer.tokenizer)
            clips = tokenizer.tokenizer_mode == "clips"
            marks = 3 if clips else tokenizer.tokenizer.num_special_tokens_to_add()
        else:
            self._cut = _cut_of_clip(tokenizer)
            marks = 2
        self._room = tokenizer.context_length - marks

    def read(self, text: str) -> Reading:
        pieces = self._cut(self._clean(_encodable(text)))
        return Reading(tuple(pieces[: self._room]), cut=len(pieces) > self._room)


def _is_of_transformers(tokenizer: Any) -> bool:
    return hasattr(tokenizer, "tokenizer")


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can carry and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cut_of_clip(tokenizer: Any) -> Cut:
    """CLIP's byte-level pieces, of which the last of a word ends in `</w>`; it knows every byte."""

    def cut(text: str) -> list[Piece]:
        pieces = []
        for word in tokenizer.pat.findall(text):
            spelled = "".join(tokenizer.byte_encoder[byte] for byte in word.encode())
            for place, piece in enumerate(tokenizer.bpe(spelled).split(" ")):
                start = "" if place else _WORD
                plain = _bytes_as_text(piece.removesuffix(_END_OF_WORD), tokenizer.byte_decoder)
                pieces.append(Piece(start + plain, tokenizer.encoder[piece], known=True))
        return pieces

    return cut


def _cut_of_transformers(tokenizer: Any) -> Cut:
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    unknown, unknown_mark = tokenizer.unk_token_id, tokenizer.unk_token
    spell = _spelling(json.loads(backend.to_str()))

    def cut(text: str) -> list[Piece]:
        encoding = backend.encode(text, add_special_tokens=False)
        pieces = []
        for token, id_, (start, end) in zip(encoding.tokens, encoding.ids, encoding.offsets, strict=True):
            # Some kinds say what the unknown was, others that it was unknown.
            spelled = _first(text, start) + text[start:end] if token == unknown_mark else spell(token)
            pieces.append(Piece(spelled, id_, id_ != unknown))
        return pieces

    return cut


def _first(text: str, start: int) -> str:
    return _WORD if start == 0 or text[start - 1].isspace() else ""


def _spelling(tokenizer: dict[str, Any]) -> Callable[[str], str]:
    """From a token as the tokenizer, given as its JSON, spells it, to one in which ▁ begins a word."""
    if tokenizer["model"]["type"] == "WordPiece":
        prefix = tokenizer["model"]["continuing_subword_prefix"]
        return lambda token: token.removeprefix(prefix) if token.startswith(prefix) else _WORD + token
    if "ByteLevel" in {part["type"] for part in _parts(tokenizer["pre_tokenizer"])}:
        bytes_of = _bytes_of_letters()
        return lambda token: _bytes_as_text(token, bytes_of).replace(" ", _WORD)
    return lambda token: token


def _parts(step: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A step of a tokenizer, and those that it is a sequence of."""
    if step is not None:
        yield step
        for part in step.get("pretokenizers", ()):
            yield from _parts(part)


def _bytes_as_text(letters: str, byte_of: dict[str, int]) -> str:
    """What letters that stand for bytes mean; a part of a character is spelled as its bytes, `<0xE2>`."""
    data = bytes(byte_of[letter] for letter in letters)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in data)


def _bytes_of_letters() -> dict[str, int]:
    """Of byte-level BPE (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"): the
    printable bytes stand for themselves, the others for the letters from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(256 + place): byte for place, byte in enumerate(others)}
