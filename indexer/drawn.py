"""The drawn demo catalogue: garments, their German and English texts, and the folder they are written to."""

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image

from indexer.drawing.picture import picture
from indexer.drawing.sheet import HEIGHT, WIDTH, Look

SIZE = (WIDTH, HEIGHT)
COLUMNS = (
    "id",
    "image",
    "title",
    "title_en",
    "kind",
    "kind_de",
    "colour",
    "colour_de",
    "pattern",
    "product",
    "price",
    "sizes",
    "in_stock",
)

# The base adjective in German; those in INDECLINABLE take no ending.
COLOURS = {
    "black": "schwarz",
    "white": "weiß",
    "grey": "grau",
    "red": "rot",
    "pink": "rosa",
    "orange": "orange",
    "yellow": "gelb",
    "green": "grün",
    "olive": "olivgrün",
    "turquoise": "türkis",
    "light blue": "hellblau",
    "blue": "blau",
    "navy": "dunkelblau",
    "purple": "lila",
    "brown": "braun",
    "beige": "beige",
}
INDECLINABLE = frozenset({"rosa", "lila", "orange", "beige"})
# The strong endings of the nominative: what an adjective takes when no article stands before it.
ENDINGS = {"m": "er", "f": "e", "n": "es", "pl": "e"}

PATTERNS = ("striped", "dotted", "checked", "floral")
_PATTERN_DE = {"striped": "gestreift", "dotted": "gepunktet", "checked": "kariert", "floral": "geblümt"}
_WITH_PATTERN_DE = {
    "striped": "mit Streifen",
    "dotted": "mit Punkten",
    "checked": "mit Karos",
    "floral": "mit Blumenmuster",
}
_PATTERN_EN = {"striped": "striped", "dotted": "polka dot", "checked": "checked", "floral": "floral"}
_WITH_PATTERN_EN = {
    "striped": "with stripes",
    "dotted": "with dots",
    "checked": "in a check",
    "floral": "with flowers",
}
_LENGTH_DE = {"short": "kurz", "long": "lang"}
_SLEEVES_DE = {"none": "ohne Ärmel", "short": "mit kurzen Ärmeln", "long": "mit langen Ärmeln"}
_SLEEVES_EN = {"none": "without sleeves", "short": "with short sleeves", "long": "with long sleeves"}

_LETTERS = ("XS", "S", "M", "L", "XL", "XXL")
_SHOES = tuple(str(size) for size in range(36, 46))
_BELTS = ("80", "85", "90", "95", "100", "105")
_ONE = ("One Size",)


@dataclass(frozen=True)
class Noun:
    """A German noun and its gender: m, f, n or pl."""

    word: str
    gender: str


@dataclass(frozen=True)
class Kind:
    """What garments of a kind have in common; a title tells `sleeves` and `lengths` apart."""

    en: str
    de: Noun
    also_de: tuple[Noun, ...] = ()
    also_en: tuple[str, ...] = ()
    patterns: tuple[str, ...] = PATTERNS
    sleeves: tuple[str, ...] = ("",)
    lengths: tuple[str, ...] = ("",)
    sizes: tuple[str, ...] = _LETTERS
    prices: tuple[int, int] = (15, 60)


KINDS: tuple[Kind, ...] = (
    Kind("T-shirt", Noun("T-Shirt", "n"), (Noun("Shirt", "n"),), ("tee",), prices=(9, 30)),
    Kind("long-sleeve top", Noun("Langarmshirt", "n"), (Noun("Longsleeve", "n"),), ("long-sleeved shirt",)),
    Kind("blouse", Noun("Bluse", "f"), (Noun("Schluppenbluse", "f"),), sleeves=("short", "long")),
    Kind(
        "shirt", Noun("Hemd", "n"), (Noun("Oberhemd", "n"),), ("button-up shirt",), sleeves=("short", "long")
    ),
    Kind("tank top", Noun("Top", "n"), (Noun("Trägertop", "n"),), ("vest top",), prices=(8, 25)),
    Kind("polo shirt", Noun("Poloshirt", "n"), (Noun("Polohemd", "n"),), ("polo",)),
    Kind(
        "jumper",
        Noun("Pullover", "m"),
        (Noun("Pulli", "m"), Noun("Strickpulli", "m")),
        ("sweater", "pullover"),
    ),
    Kind("cardigan", Noun("Strickjacke", "f"), (Noun("Cardigan", "m"),), ("knitted cardigan",)),
    Kind(
        "hoodie",
        Noun("Kapuzenpullover", "m"),
        (Noun("Hoodie", "m"), Noun("Kapuzenpulli", "m")),
        ("hooded jumper",),
    ),
    Kind("jacket", Noun("Jacke", "f"), (Noun("Blouson", "m"),), ("zip jacket",), prices=(40, 150)),
    Kind(
        "coat", Noun("Mantel", "m"), (Noun("Wollmantel", "m"),), ("overcoat",), ("checked",), prices=(80, 250)
    ),
    Kind(
        "dress",
        Noun("Kleid", "n"),
        also_en=("frock",),
        sleeves=("none", "short", "long"),
        lengths=("short", "long"),
        prices=(25, 120),
    ),
    Kind("skirt", Noun("Rock", "m"), lengths=("short", "long")),
    Kind("trousers", Noun("Hose", "f"), (Noun("Stoffhose", "f"),), ("pants",), ("striped", "checked")),
    Kind("jeans", Noun("Jeans", "f"), (Noun("Jeanshose", "f"),), ("denim jeans",), (), prices=(35, 110)),
    Kind("shorts", Noun("Shorts", "pl"), (Noun("kurze Hose", "f"),), ("short trousers",)),
    Kind("leggings", Noun("Leggings", "pl"), (Noun("Leggins", "pl"),), ("stretch leggings",)),
    Kind(
        "boots",
        Noun("Stiefel", "pl"),
        (Noun("Lederstiefel", "pl"),),
        ("leather boots",),
        (),
        sizes=_SHOES,
        prices=(60, 180),
    ),
    Kind(
        "trainers",
        Noun("Turnschuhe", "pl"),
        (Noun("Sneaker", "pl"),),
        ("sneakers",),
        (),
        sizes=_SHOES,
        prices=(35, 130),
    ),
    Kind(
        "sandals",
        Noun("Sandalen", "pl"),
        (Noun("Riemchensandalen", "pl"),),
        ("strappy sandals",),
        (),
        sizes=_SHOES,
    ),
    Kind(
        "pumps", Noun("Pumps", "pl"), (Noun("Absatzschuhe", "pl"),), ("high heels", "heels"), (), sizes=_SHOES
    ),
    Kind("hat", Noun("Hut", "m"), (Noun("Filzhut", "m"),), ("fedora", "brimmed hat"), (), sizes=_ONE),
    Kind(
        "cap",
        Noun("Kappe", "f"),
        (Noun("Basecap", "n"), Noun("Schirmmütze", "f")),
        ("baseball cap",),
        ("checked",),
        sizes=_ONE,
    ),
    Kind(
        "beanie",
        Noun("Mütze", "f"),
        (Noun("Strickmütze", "f"), Noun("Wintermütze", "f")),
        ("knitted hat",),
        ("striped",),
        sizes=_ONE,
    ),
    Kind(
        "bag",
        Noun("Tasche", "f"),
        (Noun("Handtasche", "f"),),
        ("handbag",),
        ("checked", "floral"),
        sizes=_ONE,
        prices=(20, 140),
    ),
    Kind(
        "backpack",
        Noun("Rucksack", "m"),
        (Noun("Daypack", "m"),),
        ("rucksack",),
        sizes=_ONE,
        prices=(25, 110),
    ),
    Kind(
        "scarf",
        Noun("Schal", "m"),
        (Noun("Strickschal", "m"),),
        ("winter scarf",),
        ("striped", "checked"),
        sizes=_ONE,
    ),
    Kind(
        "gloves",
        Noun("Handschuhe", "pl"),
        (Noun("Strickhandschuhe", "pl"),),
        ("knitted gloves",),
        ("striped",),
        sizes=("S", "M", "L"),
    ),
    Kind(
        "socks",
        Noun("Socken", "pl"),
        (Noun("Strümpfe", "pl"),),
        ("pair of socks",),
        ("striped", "dotted"),
        sizes=("36-38", "39-41", "42-44"),
        prices=(4, 15),
    ),
    Kind(
        "belt",
        Noun("Gürtel", "m"),
        (Noun("Ledergürtel", "m"),),
        ("leather belt",),
        (),
        sizes=_BELTS,
        prices=(15, 50),
    ),
    Kind(
        "tie",
        Noun("Krawatte", "f"),
        (Noun("Schlips", "m"),),
        ("necktie",),
        ("striped", "dotted", "checked"),
        sizes=_ONE,
    ),
)
_KIND = {kind.en: kind for kind in KINDS}


@dataclass(frozen=True)
class Garment:
    """One article of the shop. `sleeves` and `length` are empty where a kind has one cut only."""

    id: str
    kind: str
    kind_de: str
    colour: str
    colour_de: str
    pattern: str
    sleeves: str
    length: str
    product: str
    price: float
    sizes: tuple[str, ...]
    in_stock: bool


@dataclass(frozen=True)
class _Design:
    """What the colour variants of a product share."""

    kind: Kind
    pattern: str
    sleeves: str
    length: str


def garments(seed: int, count: int = 600) -> list[Garment]:
    """The articles of a shop, in catalogue order.

    No colour of a kind comes twice before every other has come once; from 496 articles on, every kind
    is there in every colour. Two to four colours of a design are one product, save
    where `count` cuts one short.
    """
    random = Random(f"garments {seed}")
    drawn: list[tuple[int, _Design, str]] = []
    product = 0
    turn = 0
    while len(drawn) < count:
        groups = [group for kind in KINDS for group in _designs(kind, turn, random)]
        random.shuffle(groups)
        if turn:
            # The rest of the shop goes to the kinds that have the most cuts to show.
            groups.sort(key=lambda group: len(_cuts(group[0].kind)), reverse=True)
        for design, colours in groups:
            product += 1
            drawn += [(product, design, colour) for colour in colours]
        turn += 1
    drawn = drawn[:count]
    random.shuffle(drawn)
    terms: dict[int, tuple[float, tuple[str, ...]]] = {}
    shop = []
    for number, (product, design, colour) in enumerate(drawn, 1):
        if product not in terms:
            terms[product] = _terms(design.kind, random)
        in_stock = random.random() < 0.85
        shop.append(
            _garment(number, product, design=design, colour=colour, terms=terms[product], in_stock=in_stock)
        )
    return shop


def _cuts(kind: Kind) -> list[tuple[str, str]]:
    """Sleeves and length of every cut."""
    return [(sleeves, length) for length in kind.lengths for sleeves in kind.sleeves]


def _designs(kind: Kind, turn: int, random: Random) -> Iterator[tuple[_Design, list[str]]]:
    """All colours of a kind once, in groups of two to four that share a design."""
    colours = random.sample(list(COLOURS), len(COLOURS))
    first = random.randrange(12)
    cuts = _cuts(kind)
    position = 0
    while colours:
        size = min(len(colours), random.choice((2, 3, 3, 4)))
        if len(colours) - size == 1:
            size += 1 if size < 4 else -1
        group, colours = colours[:size], colours[size:]
        # Solid cloth first: a plain red dress is what most people mean by "red dress".
        solid = not kind.patterns or (turn == 0 and random.random() < 0.65)
        sleeves, length = cuts[(first + position) % len(cuts)]
        yield _Design(kind, "solid" if solid else random.choice(kind.patterns), sleeves, length), group
        position += 1


def _terms(kind: Kind, random: Random) -> tuple[float, tuple[str, ...]]:
    """A product's price and sizes."""
    price = random.randint(*kind.prices) + random.choice((0.95, 0.99, 0.5))
    width = min(len(kind.sizes), random.randint(3, 5))
    start = random.randint(0, len(kind.sizes) - width)
    return price, kind.sizes[start : start + width]


def _garment(
    number: int,
    product: int,
    *,
    design: _Design,
    colour: str,
    terms: tuple[float, tuple[str, ...]],
    in_stock: bool,
) -> Garment:
    return Garment(
        id=f"demo-{number:04}",
        kind=design.kind.en,
        kind_de=design.kind.de.word,
        colour=colour,
        colour_de=COLOURS[colour],
        pattern=design.pattern,
        sleeves=design.sleeves,
        length=design.length,
        product=f"{product:05}",
        price=terms[0],
        sizes=terms[1],
        in_stock=in_stock,
    )


def draw(garment: Garment, seed: int) -> Image.Image:
    """The garment's picture, RGB; the colour variants of a product share its silhouette, not its pose."""
    return picture(
        Look(
            kind=garment.kind,
            colour=garment.colour,
            pattern=garment.pattern,
            sleeves=garment.sleeves,
            length=garment.length,
            shape=f"shape {seed} {garment.product}",
            pose=f"pose {seed} {garment.id}",
        )
    )


def inflected(adjective: str, gender: str) -> str:
    """The adjective before a noun without an article: ("rot", "n") is "rotes", ("rosa", "n") is "rosa"."""
    return adjective if adjective in INDECLINABLE else adjective + ENDINGS[gender]


def query(garment: Garment, lang: str) -> str:
    """Colour and kind alone, in "de" or "en": "rotes Kleid", "red dress"."""
    if lang == "de":
        return _german(garment, _KIND[garment.kind].de)
    return f"{garment.colour} {garment.kind}"


def _german(garment: Garment, noun: Noun, *adjectives: str) -> str:
    """Adjectives, the colour and a noun, all agreeing."""
    words = [inflected(adjective, noun.gender) for adjective in (*adjectives, garment.colour_de)]
    before, _, bare = noun.word.rpartition(" ")
    return " ".join([*words, *before.split(), bare])


def title_de(garment: Garment) -> str:
    """Such as "Kurzes rotes Kleid ohne Ärmel, gepunktet"."""
    length = [_LENGTH_DE[garment.length]] if garment.length else []
    text = _german(garment, _KIND[garment.kind].de, *length)
    if garment.sleeves:
        text += " " + _SLEEVES_DE[garment.sleeves]
    if garment.pattern != "solid":
        text += (
            ", " + _PATTERN_DE[garment.pattern]
            if garment.sleeves
            else " " + _WITH_PATTERN_DE[garment.pattern]
        )
    return text[0].upper() + text[1:]


def title_en(garment: Garment) -> str:
    """Such as "Short red polka dot dress without sleeves"."""
    pattern = _PATTERN_EN.get(garment.pattern, "")
    sleeves = _SLEEVES_EN.get(garment.sleeves, "")
    text = " ".join(filter(None, (garment.length, garment.colour, pattern, garment.kind, sleeves)))
    return text[0].upper() + text[1:]


def titles(garment: Garment) -> dict[str, list[str]]:
    """Three to six phrasings of a shopper, by language; the plain query comes first, none comes twice."""
    return {"de": _distinct(_phrasings_de(garment)), "en": _distinct(_phrasings_en(garment))}


def _distinct(phrasings: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(phrasings))[:6]


def _phrasings_de(garment: Garment) -> Iterator[str]:
    kind = _KIND[garment.kind]
    yield query(garment, "de")
    pattern = _PATTERN_DE.get(garment.pattern)
    length = [_LENGTH_DE[garment.length]] if garment.length else []
    if pattern:
        yield f"{_german(garment, kind.de, *length)} {_WITH_PATTERN_DE[garment.pattern]}"
        yield _german(garment, kind.de, pattern)
    for noun in kind.also_de:
        yield _german(garment, noun, *length)
    if garment.sleeves:
        yield f"{_german(garment, kind.de, *length)} {_SLEEVES_DE[garment.sleeves]}"
    if length:
        yield _german(garment, kind.de, *length)
    yield f"{kind.de.word} in {garment.colour_de.capitalize()}"
    yield " ".join(filter(None, (kind.de.word, garment.colour_de, pattern)))


def _phrasings_en(garment: Garment) -> Iterator[str]:
    yield query(garment, "en")
    pattern = _PATTERN_EN.get(garment.pattern)
    if pattern:
        yield " ".join(filter(None, (garment.length, garment.colour, pattern, garment.kind)))
        yield f"{garment.colour} {garment.kind} {_WITH_PATTERN_EN[garment.pattern]}"
    for word in _KIND[garment.kind].also_en:
        yield " ".join(filter(None, (garment.length, garment.colour, word)))
    if garment.sleeves:
        yield f"{garment.colour} {garment.kind} {_SLEEVES_EN[garment.sleeves]}"
    if garment.length:
        yield f"{garment.length} {garment.colour} {garment.kind}"
    yield f"{garment.kind} in {garment.colour}"
    yield " ".join(filter(None, (garment.kind, garment.colour, pattern)))


def rows(seed: int, count: int = 600) -> list[dict[str, str]]:
    """The catalogue's rows: the keys are COLUMNS, in that order."""
    return [_row(garment) for garment in garments(seed, count)]


def _row(garment: Garment) -> dict[str, str]:
    values = (
        garment.id,
        _image(garment),
        title_de(garment),
        title_en(garment),
        garment.kind,
        garment.kind_de,
        garment.colour,
        garment.colour_de,
        garment.pattern,
        garment.product,
        f"{garment.price:.2f} EUR",
        "|".join(garment.sizes),
        "yes" if garment.in_stock else "no",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _image(garment: Garment) -> str:
    return f"pictures/{garment.id}.jpg"


def write_demo(
    folder: Path, seed: int = 0, count: int = 600, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Writes `pictures/<id>.jpg` and, last, `catalogue.csv`, whose path it returns.

    The same seed and count give the same bytes (other versions of numpy or Pillow may round otherwise).
    `progress` is told (done, count) after every picture, in the calling thread.
    """
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    shop = garments(seed, count)

    def save(garment: Garment) -> None:
        draw(garment, seed).save(folder / _image(garment), quality=88)

    # Threads, not processes: numpy and Pillow release the lock for most of the work, and nothing has to be
    # importable from the caller's main module.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(save, shop), 1):
            if progress:
                progress(done, count)
    path = folder / "catalogue.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_row, shop))
    return path
