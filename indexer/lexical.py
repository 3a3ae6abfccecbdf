"""The words of a catalogue's texts: which items have those of a query, and which it names in full."""

from __future__ import annotations

import bisect
import functools
import re
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import bm25s
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import Stemmer
from numpy.typing import NDArray

from indexer.items import Value

NAMES = {"title", "name", "title_de", "title_en", "name_de", "name_en"}
BRANDS = {"brand", "marke", "manufacturer", "hersteller", "label"}
NUMBERS = {
    "article", "article_id", "article_number", "articlenumber", "artikel", "artikelnummer", "asin", "ean",
    "gtin", "isbn", "item_number", "model", "modell", "modellnummer", "mpn", "sku", "style", "upc",
}  # fmt: skip
"""Fields whose value, typed in full, means the item that has it; so does its id."""

# How often a word is repeated says nothing of a garment, so it saturates soon; a title is not worse for being
# long. Chosen on the validation splits that docs/search.md names.
_K1, _B = 0.3, 0.1
_SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("whole", pa.bool_()),
        ("items", pa.list_(pa.int32())),
        ("scores", pa.list_(pa.float32())),
    ]
)
_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_UMLAUT = re.compile("([aou])e")
# Chinese, Japanese and Thai are written without spaces: there a word is any two neighbours.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


class Words:
    """Text → words as they are compared: without case, accents and endings, German umlauts in any spelling.

    "Grüne", "gruene" and "grunes" are one word, and so are "Kleider" and "Kleid". Every language is cut by
    German's rules, the index and the query alike: a word is always found as it is written.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("german")
        self._stemming = threading.Lock()

    def __call__(self, text: str) -> list[str]:
        plain = text.isascii()
        folded = text.lower() if plain else unicodedata.normalize("NFKC", text).casefold()
        found = _WORD.findall(folded)
        if not plain and _UNSPACED.search(folded):
            found = [part for word in found for part in _parts(word)]
        with self._stemming:
            stems: list[str] = self._stemmer.stemWords(found)
        return stems if plain else [_unaccented(stem) for stem in stems]


def _parts(word: str) -> Iterator[str]:
    start = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > start:
            yield word[start : run.start()]
        yield from (run[0][at : at + 2] for at in range(max(1, len(run[0]) - 1)))
        start = run.end()
    if start < len(word):
        yield word[start:]


def _unaccented(text: str) -> str:
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


class Lexicon:
    """The texts of an index version's items, by their words. Safe to use from several threads."""

    def __init__(self, table: pa.Table, items: int) -> None:
        """`table` is what `index_texts` gave for so many items."""
        words = table.filter(pc.invert(table["whole"])).combine_chunks()
        wholes = table.filter(table["whole"]).combine_chunks()
        postings = words["items"].combine_chunks()
        self.items = items
        self._words = Words()
        self._bm25 = bm25s.BM25(k1=_K1, b=_B)
        self._bm25.vocab_dict = {word: at for at, word in enumerate(words["text"].to_pylist())}
        self._bm25.nonoccurrence_array = None
        self._bm25.scores = {
            "data": words["scores"].combine_chunks().flatten().to_numpy(),
            "indices": postings.flatten().to_numpy(),
            "indptr": postings.offsets.to_numpy(),
            "num_docs": items,
        }
        self._rarity = _rarity(np.diff(self._bm25.scores["indptr"]), items)
        self._unseen = float(_rarity(np.zeros(1), items)[0])
        self._wholes = wholes["text"].combine_chunks()
        self._of_whole = wholes["items"].combine_chunks()

    @property
    def has_text(self) -> bool:
        """Whether the catalogue says anything of its items, beside their ids."""
        return len(self._bm25.vocab_dict) > 0

    def scores(self, text: str) -> NDArray[np.float32]:
        """(items,) BM25 over what an item would have that has every word of the text once: about 0 to 1.

        A word that no item has counts like the rarest: where the catalogue is in another language than the
        text, the "in" that both share comes to next to nothing.
        """
        words = dict.fromkeys(self._words(text))
        known = [self._bm25.vocab_dict[word] for word in words if word in self._bm25.vocab_dict]
        if not known:
            return np.zeros(self.items, dtype=np.float32)
        wanted = float(self._rarity[known].sum()) + self._unseen * (len(words) - len(known))
        scores: NDArray[np.float32] = self._bm25.get_scores_from_ids(known)
        scores *= np.float32((1 + _K1) / wanted)
        return scores

    def named(self, text: str) -> list[int]:
        """The rows of the items whose id, number, title or brand the text is, rising; case, accents,
        punctuation and the spelling of umlauts aside."""
        key = _whole(text)
        at = bisect.bisect_left(self._wholes, key, key=pa.StringScalar.as_py)
        if not key or at == len(self._wholes) or self._wholes[at].as_py() != key:
            return []
        rows: list[int] = self._of_whole[at].as_py()
        return rows


def index_texts(ids: Sequence[str], fields: Sequence[Mapping[str, Value]]) -> pa.Table:
    """What a Lexicon needs of the items with these ids and fields: a row per word, with the items that have
    it and their BM25 scores, then a row per name in full, with the items that have it."""
    words = Words()
    # Colours and kinds come again and again.
    known = functools.lru_cache(10_000)(words)
    documents = [_document(item, row, known) for item, row in zip(ids, fields, strict=True)]
    bm25 = bm25s.BM25(k1=_K1, b=_B)
    postings: dict[str, NDArray[np.int32]] = {}
    scores: list[NDArray[np.float32]] = []
    if any(documents):
        bm25.index(documents, create_empty_token=False, show_progress=False)
        places = sorted(bm25.vocab_dict.items())
        indptr = bm25.scores["indptr"]
        spans = [slice(indptr[at], indptr[at + 1]) for _, at in places]
        for (word, _), span in zip(places, spans, strict=True):
            order = np.argsort(bm25.scores["indices"][span])
            postings[word] = bm25.scores["indices"][span][order]
            scores.append(bm25.scores["data"][span][order])
    wholes = _wholes(ids, fields, words, postings)
    columns = [
        [*postings, *wholes],
        [False] * len(postings) + [True] * len(wholes),
        [*postings.values(), *wholes.values()],
        [*scores, *([None] * len(wholes))],
    ]
    return pa.table(
        [pa.array(column, part.type) for column, part in zip(columns, _SCHEMA, strict=True)], _SCHEMA
    )


def _document(item: str, fields: Mapping[str, Value], words: Callable[[str], list[str]]) -> list[str]:
    """The words of the item's texts and of its id; none where it has no text."""
    texts: dict[str, None] = {}
    for value in fields.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and "://" not in text:
                texts[text] = None
    found = [word for text in texts for word in words(text)]
    return found + words(item) if found else []


def _wholes(
    ids: Sequence[str],
    fields: Sequence[Mapping[str, Value]],
    words: Words,
    postings: Mapping[str, NDArray[np.int32]],
) -> dict[str, list[int]]:
    """Name in full → the rows of its items, rising; in the order of the names."""
    rows: dict[str, set[int]] = defaultdict(set)
    for row, item in enumerate(ids):
        rows[_whole(item)].add(row)
    for name in dict.fromkeys(name for members in fields for name in members):
        spelled = name.lower().replace(" ", "_").replace("-", "_")
        if spelled not in NAMES | NUMBERS | BRANDS:
            continue
        having: dict[str, list[int]] = defaultdict(list)
        for row, members in enumerate(fields):
            value = members.get(name)
            if isinstance(value, str) or (spelled in NUMBERS and isinstance(value, int)):
                having[str(value)].append(row)
        for value, own in having.items():
            # A brand that is a common word ("Rot") does not mean its items to who types it.
            if spelled not in BRANDS or 2 * len(own) >= _having_all(words(value), postings):
                rows[_whole(value)].update(own)
    rows.pop("", None)
    return {name: sorted(rows[name]) for name in sorted(rows)}


def _having_all(words: Sequence[str], postings: Mapping[str, NDArray[np.int32]]) -> int:
    """The number of items that have all of these words."""
    having = [postings[word] for word in words if word in postings]
    return len(functools.reduce(np.intersect1d, having)) if having else 0


def _whole(text: str) -> str:
    """A name as it is compared in full: its words with their endings, without case and accents, an umlaut
    in any spelling one letter."""
    folded = text.lower() if text.isascii() else _unaccented(unicodedata.normalize("NFKC", text).casefold())
    return _UMLAUT.sub(r"\1", " ".join(_WORD.findall(folded)))


def _rarity(postings: NDArray[Any], items: int) -> NDArray[np.float32]:
    """The IDF by which BM25 weighs a word that so many items have."""
    rarity: NDArray[np.float32] = np.log1p((items - postings + 0.5) / (postings + 0.5)).astype(np.float32)
    return rarity
