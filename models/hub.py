"""Files of a hub's repositories: from the cache, else over the network. The only import of huggingface_hub.

The cache is where HF_HOME says, the hub where HF_ENDPOINT does; with HF_HUB_OFFLINE there is only the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# The hub's client is imported inside: it takes half a second to load, and most towers need no hub.
# ruff: noqa: PLC0415

TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "config.json",
)
"""What a tokenizer of transformers is made of, of whatever kind it is."""
VOCABULARIES = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)
"""One of them is there, wherever a tokenizer is."""
_SECONDS = 10


class NotHere(LookupError):
    """Neither in the cache nor to be had from the hub; the message says what, where, and why not."""


def file(repository: str, names: Sequence[str]) -> Path:
    """The first of these files that is in the cache, else the first that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    if (cached := _cached(repository, names)) is not None:
        return cached
    what = " or ".join(names)
    _reach(repository, what)
    for name in names:
        try:
            return Path(hf_hub_download(repository, name))
        except EntryNotFoundError:
            continue
        except Exception as error:
            raise _not_here(repository, what, str(error)) from None
    raise _not_here(repository, what, "the repository has no such file")


def tokenizer(repository: str) -> Path:
    """A folder in which the repository's tokenizer is."""
    from huggingface_hub import snapshot_download

    if (cached := _cached(repository, VOCABULARIES)) is not None:
        return cached.parent
    _reach(repository, "the tokenizer")
    try:
        return Path(snapshot_download(repository, allow_patterns=list(TOKENIZER_FILES)))
    except Exception as error:
        raise _not_here(repository, "the tokenizer", str(error)) from None


def _cached(repository: str, names: Sequence[str]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        if isinstance(found := try_to_load_from_cache(repository, name), str):
            return Path(found)
    return None


def _reach(repository: str, what: str) -> None:
    """Asks for the repository once: a download would try for minutes before it gives up."""
    from huggingface_hub import model_info
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        model_info(repository, timeout=_SECONDS)
    except OfflineModeIsEnabled:
        raise _not_here(repository, what, "HF_HUB_OFFLINE is set") from None
    except RepositoryNotFoundError:
        raise _not_here(repository, what, "there is no such repository, or it is not open to all") from None
    except (
        Exception
    ) as error:  # the client's errors and those of what is beneath it have no base of their own
        raise _not_here(repository, what, str(error)) from None


def _not_here(repository: str, what: str, reason: str) -> NotHere:
    from huggingface_hub import constants

    first = " ".join(reason.splitlines()[:1]).rstrip(".:")
    return NotHere(
        f"{what} of {repository}, which is not in the cache {constants.HF_HUB_CACHE} and did not come from "
        f"{constants.ENDPOINT} ({first})"
    )
