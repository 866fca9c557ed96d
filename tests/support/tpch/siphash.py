"""SipHash-2-4 with 128 bits of output, as its authors' paper writes it down."""

from __future__ import annotations

_MASK = 2**64 - 1


def siphash(key: bytes, message: bytes) -> bytes:
    """Return the 16 bytes of a message's hash under a key of 16 bytes."""
    key0, key1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    constants = b"somepseu", b"dorandom", b"lygenera", b"tedbytes"
    words = (int.from_bytes(constant, "big") for constant in constants)
    v = [k ^ w for k, w in zip((key0, key1, key0, key1), words, strict=True)]
    v[1] ^= 0xEE
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xEE
    first = _output(v)
    v[1] ^= 0xDD
    return first + _output(v)


def _output(v: list[int]) -> bytes:
    _rounds(v, 4)
    return (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, "little")


def _rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        v[0] = (v[0] + v[1]) & _MASK
        v[2] = (v[2] + v[3]) & _MASK
        v[1] = _rotated(v[1], 13) ^ v[0]
        v[3] = _rotated(v[3], 16) ^ v[2]
        v[0] = _rotated(v[0], 32)
        v[2] = (v[2] + v[1]) & _MASK
        v[0] = (v[0] + v[3]) & _MASK
        v[1] = _rotated(v[1], 17) ^ v[2]
        v[3] = _rotated(v[3], 21) ^ v[0]
        v[2] = _rotated(v[2], 32)


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & _MASK
