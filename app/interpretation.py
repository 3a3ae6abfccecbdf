"""What a query is taken to mean, before it is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from app.answer import Interpreted
from app.query import Term, TextTerm
from models.exclusion import WEIGHT, parse


def interpret(
    asked: Sequence[Term], *, exclusion: bool, respelled: Callable[[str], str] | None = None
) -> Interpreted:
    """With `respelled`, texts are first spelled so: a part of one tells its language less well than all of
    it, and "Aermel" is to be excluded as "Ärmel".

    With `exclusion`, what a wanted text excludes is taken out of it and becomes terms of negative weight; of
    a text that does nothing but exclude, they are all that is left."""
    terms, normalised = asked, None
    if respelled is not None:
        terms = [
            replace(term, text=respelled(term.text)) if isinstance(term, TextTerm) else term for term in asked
        ]
        match asked, terms:
            case [TextTerm(typed)], [TextTerm(spelled)] if typed != spelled:
                normalised = spelled
    if not exclusion:
        return Interpreted(terms, asked, normalised=normalised)
    excluded: list[str] = []
    return Interpreted(list(_read(terms, excluded)), asked, excluded, normalised)


def _read(terms: Sequence[Term], excluded: list[str]) -> Iterator[Term]:
    for term in terms:
        if not isinstance(term, TextTerm) or term.weight <= 0:
            yield term
            continue
        parsed = parse(term.text)
        if parsed.wanted:
            yield TextTerm(parsed.wanted, term.weight)
        for text in parsed.excluded:
            yield TextTerm(text, -WEIGHT * term.weight)
        excluded += parsed.excluded
