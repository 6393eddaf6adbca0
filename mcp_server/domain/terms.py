"""Splits text into the terms of the keyword search, in English and Chinese.

Words are lower-cased and stemmed; a name like ``ClaudeMemoryDown`` also gives its parts. Chinese, Japanese and Korean
text, which has no spaces, gives every pair of neighbouring characters and every character.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import snowballstemmer

MAX_WORD_CHARACTERS = 64
# PostgreSQL allows one megabyte for a tsvector; terms beyond this many are not searchable by keyword.
MAX_TERMS = 40_000

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_RUN = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>[^\W_{_CJK}]+)")
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STEMMER = snowballstemmer.stemmer("english")

ENGLISH_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can could did do does for from had has have he her him his how i if in "
        "into is it its me my no not of on or our she should so than that the their them then there these they this "
        "those to too us was we were what when where which who whom why will with would you your",
    )
)
CHINESE_STOP_CHARACTERS = frozenset("的了是在和与或也都就而及着吗呢吧啊把被让给我你他她它们这那哪么什怎有没不个之于")


def terms_of(text: str) -> list[str]:
    """Distinct terms of a memory or query, in order of appearance, at most ``MAX_TERMS``; stop words are left out."""
    return list(dict.fromkeys(_terms(text)))[:MAX_TERMS]


def _terms(text: str) -> Iterator[str]:
    for match in _RUN.finditer(unicodedata.normalize("NFKC", text)):
        split = _cjk_terms if match.lastgroup == "cjk" else _word_terms
        yield from split(match.group())


def _cjk_terms(run: str) -> Iterator[str]:
    for index, character in enumerate(run):
        if character not in CHINESE_STOP_CHARACTERS:
            yield character
        if index + 1 < len(run):
            pair = run[index : index + 2]
            if not CHINESE_STOP_CHARACTERS.issuperset(pair):
                yield pair


def _word_terms(run: str) -> Iterator[str]:
    whole = run.casefold()[:MAX_WORD_CHARACTERS]
    if whole not in ENGLISH_STOP_WORDS:
        yield _stem(whole)
    parts = _CAMEL.findall(run) if run.isascii() else []
    if len(parts) > 1:
        yield from (_stem(part.casefold()[:MAX_WORD_CHARACTERS]) for part in parts if len(part) > 1)


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    stem: str = _STEMMER.stemWord(word)
    return stem


def is_single_character(term: str) -> bool:
    """True for one Chinese, Japanese or Korean character, which says little by itself."""
    return len(term) == 1 and _CJK_CHARACTER.match(term) is not None
