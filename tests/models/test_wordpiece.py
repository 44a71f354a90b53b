"""The tokenizer: each rule on a small vocabulary, then 400 texts as the reference tokenizer has them."""

import json
from pathlib import Path

import pytest

from mainstay.models.wordpiece import TEXT_CHAR_MAX, TOKEN_MAX, WordPiece, words

REFERENCE = Path(__file__).with_name("reference_tokens.jsonl")
VOCABULARY = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "un",
    "##aff",
    "##able",
    "##a",
    "able",
    "a",
    "[",
    "]",
    "sep",
    "!",
)


def pieces(text):
    return [VOCABULARY[number] for number in WordPiece(VOCABULARY).encode(text)[1:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\r\n\u00a0\u3000\u2028", []),
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("it's $5.00", ["it", "'", "s", "$", "5", ".", "00"]),
        ("a\u200bb \u00adc\x00d\ufffde \ue000f", ["ab", "cde", "f"]),
        ("Crème Brûlée ÅNGSTRÖM", ["creme", "brulee", "angstrom"]),
        ("e\u0301te\u0301", ["ete"]),
        ("ΟΔΟΣ", ["οδοσ"]),
        ("İstanbul", ["istanbul"]),
        ("Straße", ["straße"]),
        ("日本go語", ["日", "本", "go", "語"]),
        ("ひらがな", ["ひらかな"]),
        ("“so” – it… goes", ["“", "so", "”", "–", "it", "…", "goes"]),
        ("a\ud800b", ["ab"]),
        ("a\U0002b81fb a\U0002b820b", ["a", "\U0002b81f", "b", "a\U0002b820b"]),
    ],
)
def test_words(text, expected):
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("able unable", ["able", "un", "##able"]),
        ("una", ["un", "##a"]),
        ("unable-ish", ["un", "##able", "[UNK]", "[UNK]"]),
        ("a" + "a" * 99, ["a"] + ["##a"] * 99),
        ("a" + "a" * 100, ["[UNK]"]),
    ],
)
def test_the_longest_known_piece_wins(text, expected):
    assert pieces(text) == expected


def test_special_tokens_in_a_text_are_plain_characters():
    assert pieces("[SEP]!") == ["[", "sep", "]", "!"]


@pytest.mark.parametrize(("count", "length"), [(0, 2), (253, 255), (254, 256), (255, 256), (5000, 256)])
def test_ids_are_framed_and_cut(count, length):
    ids = WordPiece(VOCABULARY).encode("a " * count)
    assert len(ids) == length <= TOKEN_MAX
    assert (ids[0], ids[-1]) == (2, 3)
    assert set(ids[1:-1]) <= {9}


def test_a_word_that_crosses_the_limit_is_cut_inside():
    ids = WordPiece(VOCABULARY).encode("a " * 253 + "unable")
    assert [VOCABULARY[number] for number in ids[-3:]] == ["a", "un", "[SEP]"]


def test_only_the_beginning_of_an_endless_text_is_read():
    tokenizer = WordPiece(VOCABULARY)
    assert tokenizer.encode(" " * TEXT_CHAR_MAX + "able") == tokenizer.encode("")
    assert tokenizer.encode(" " * (TEXT_CHAR_MAX - 4) + "able!") == tokenizer.encode("able")


def test_it_equals_the_reference_tokenizer(weight_files):
    vocabulary = weight_files.vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    tokenizer = WordPiece(vocabulary)
    cases = [json.loads(line) for line in REFERENCE.read_text(encoding="utf-8").splitlines()]
    assert len(cases) == 400
    assert sum(len(case["ids"]) == TOKEN_MAX for case in cases) > 1
    wrong = [case["text"] for case in cases if tokenizer.encode(case["text"]) != case["ids"]]
    assert wrong == []
