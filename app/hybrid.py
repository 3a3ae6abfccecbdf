"""The words of a query, beside its pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from app.answer import Interpreted
from app.encoding import Vector
from app.query import TextTerm
from indexer.columns import Mask
from indexer.fusion import DEFAULT_WEIGHT, Candidates, Fused, NamedFirst
from indexer.lexical import Lexicon
from indexer.ranking import Relevant, Scores
from indexer.store import IndexVersion


def candidates(
    index: IndexVersion,
    query: Vector,
    interpreted: Interpreted,
    lexical: float | None,
    *,
    passing: Mask | None,
    without: Collection[int],
) -> Candidates:
    """The items that may be hits for the vector `query` of what was interpreted, best first; `lexical` is the
    weight of its words, None for the default."""
    texts = [term for term in interpreted.terms if isinstance(term, TextTerm) and term.weight > 0]
    lexicon = index.lexicon
    if lexicon is None or not texts or lexical == 0:
        return index.nearest(query, passing=passing, without=without)
    may_be_found = np.ones(len(index), dtype=np.bool_) if passing is None else passing.copy()
    may_be_found[list(without)] = False
    found = named(index, interpreted, lexical)
    found = found[may_be_found[found]]
    first = np.zeros(len(index), dtype=np.bool_)
    first[found] = True
    may_be_found &= ~first
    others: Candidates = index.nearest(query, passing=passing, without={*without, *found.tolist()})
    if lexical is not None or lexicon.has_text:
        words = _words(lexicon, interpreted, texts) * may_be_found
        weight = DEFAULT_WEIGHT if lexical is None else lexical
        others = Fused(others, words, weight, lambda rows: index.cosines(query, rows))
    return NamedFirst(found, index.nearest(query, passing=first), others) if len(found) else others


def named(index: IndexVersion, interpreted: Interpreted, lexical: float | None) -> NDArray[np.int64]:
    """The rows of the items that the query names in full, rising, whatever filter there is; none where words
    are left out."""
    match interpreted.asked:
        # As it was typed: what was made of it since, for a tower to understand, may be no number any more.
        case [TextTerm(typed)] if index.lexicon is not None and lexical != 0:
            return np.array(index.lexicon.named(typed), dtype=np.int64)
    return np.empty(0, dtype=np.int64)


def _words(lexicon: Lexicon, interpreted: Interpreted, texts: Sequence[TextTerm]) -> NDArray[np.float32]:
    """(items,) what the texts' words score, by weight; of a text that was respelled, as it was typed too,
    because a brand may look like a slip."""
    whole = sum(term.weight for term in interpreted.terms if term.weight > 0)
    words = np.zeros(lexicon.items, dtype=np.float32)
    for text in texts:
        words += np.float32(text.weight / whole) * lexicon.scores(text.text)
    match interpreted.asked:
        case [TextTerm(typed)] if interpreted.normalised is not None and not interpreted.excluded:
            return np.maximum(words, lexicon.scores(typed))
    return words


def relevant_only(candidates: Candidates, relevant: Callable[[Scores], NDArray[np.bool_]]) -> Candidates:
    """Those whose scores suffice, and whatever the query names in full: nothing fits that better."""
    if isinstance(candidates, NamedFirst):
        return NamedFirst(candidates.rows, candidates.named, Relevant(candidates.others, relevant))
    return Relevant(candidates, relevant)
