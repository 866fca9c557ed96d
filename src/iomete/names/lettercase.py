"""Upper and lower case as Java has it, because Spark compares names with Java's methods.

Java 17 follows Unicode 13 and later releases newer ones, so a script whose letters got a case
after that may fold here and not there.
"""

from __future__ import annotations


def lower(text: str) -> str:
    """Return what `String.toLowerCase(Locale.ROOT)` returns: the form of session catalog names.

    Never depends on a Turkish or other locale; `İ` becomes two characters, as in Java. The one
    known difference is a capital sigma next to digits or punctuation, which Java judges by its own
    word boundaries. The session catalog takes none but ASCII names (`SessionCatalog.validateName`).
    """
    return text.lower()


def fold(text: str) -> str:
    """Return a key that is equal for two texts exactly if Java's `equalsIgnoreCase` holds.

    That method is Spark's `caseInsensitiveResolution`. It compares character by character, first
    in upper and then in lower case, with Unicode's simple mappings, which never change a length:
    `ß` is not `ss`, a long s (U+017F) is `s`, and `İ` is `i`.
    """
    if text.isascii():
        return text.lower()
    return "".join(_simple_lower(_simple_upper(character)) for character in text)


def column_key(text: str) -> tuple[str, str]:
    """Return a key that is equal for two column names exactly if Spark takes one for the other.

    Spark finds a column by `toLowerCase(Locale.ROOT)` and then asks `equalsIgnoreCase`
    (`AttributeSeq`), so both must agree: `i` and `İ` are two columns that one table may hold, and
    so are `s` and the long s.
    """
    return lower(text), fold(text)


def _simple_upper(character: str) -> str:
    """Map one character as `Character.toUpperCase` does."""
    full = character.upper()
    if len(full) == 1:
        return full
    # Where upper case needs several letters, title case shows whether a single one exists: that of
    # `ᾳ` is `ᾼ`, that of `ß` is `Ss` and so `ß` stays what it is (UnicodeData.txt, field 12).
    title = character.title()
    return title if len(title) == 1 else character


def _simple_lower(character: str) -> str:
    """Map one character as `Character.toLowerCase` does; only `İ` has a longer full mapping."""
    return character.lower()[0]
