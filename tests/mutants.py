"""Parquet files as they come out of a bad disk, a broken upload or a careless tool: seeded, the same every time.

A `Template` is a small file of one of the kinds that writers make; `mutants` gives copies of it, each damaged in one of
the ways of `_WAYS`. Used by the tests that offer such files to the loader.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from tests.files import JANUARY, Vintage, trip_table

ROWS = 200
_MAGIC_BYTES = 4
_FOOTER_TAIL = 8  # the footer's length and the magic bytes


@dataclass(frozen=True)
class Template:
    """A good file; `chunks` are (start, end) of its column chunks, `footer` of its metadata."""

    name: str
    content: bytes
    chunks: tuple[tuple[int, int], ...]
    footer: tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """A damaged copy, and how it came about: template, way and number."""

    name: str
    content: bytes


_WRITERS: dict[str, tuple[Vintage, dict[str, object]]] = {
    "plain": (Vintage.UP_TO_2023_01, {"compression": "none", "use_dictionary": False}),
    "snappy": (Vintage.UP_TO_2023_01, {}),
    "zstd pages of version 2": (
        Vintage.FROM_2023_02,
        {"compression": "zstd", "data_page_version": "2.0", "row_group_size": 80},
    ),
    "gzip with checksums": (
        Vintage.FROM_2025_01,
        {"compression": "gzip", "write_page_checksum": True, "write_page_index": True, "data_page_size": 256},
    ),
    "packed numbers": (
        Vintage.FROM_2023_02,
        {"compression": "lz4", "use_dictionary": False, "use_byte_stream_split": ["trip_distance", "fare_amount"]},
    ),
}


@cache
def templates() -> tuple[Template, ...]:
    """One good file of each kind."""
    return tuple(_written(name) for name in _WRITERS)


def mutants(seed: str, count: int, of: Sequence[Template] = ()) -> Iterator[Mutant]:
    """So many damaged files, spread evenly over the templates (all small ones, if none is given) and the ways."""
    good = of or templates()
    ways = list(_WAYS.items())
    for number in range(count):
        template = good[number % len(good)]
        way, damage = ways[number // len(good) % len(ways)]
        name = f"{template.name}, {way}, {seed}-{number}"
        chance = random.Random(name)  # noqa: S311 - no secret
        content = bytearray(template.content)
        for _ in range(10):
            damage(content, template, chance)
            if content != template.content:
                break
        yield Mutant(name, bytes(content))


def _written(name: str) -> Template:
    vintage, options = _WRITERS[name]
    buffer = io.BytesIO()
    pq.write_table(trip_table(JANUARY, ROWS, vintage), buffer, **options)
    return template_of(name, buffer.getvalue())


def template_of(name: str, content: bytes) -> Template:
    """A good file that is there already."""
    metadata = pq.read_metadata(pa.BufferReader(content))
    chunks = []
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            start = min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)
            chunks.append((start, start + chunk.total_compressed_size))
    end = len(content) - _FOOTER_TAIL
    return Template(name, content, tuple(chunks), (end - int.from_bytes(content[-8:-4], "little"), end))


def _flip(content: bytearray, start: int, end: int, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 1, 2, 8, 32))):
        content[chance.randrange(start, end)] ^= 1 << chance.randrange(8)


def _piece(content: bytearray, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content))
    return start, min(len(content), start + chance.choice((1, 2, 4, 16, 64, 512)))


def _flip_anywhere(content: bytearray, template: Template, chance: random.Random) -> None:
    _flip(content, 0, len(content), chance)


def _flip_in_footer(content: bytearray, template: Template, chance: random.Random) -> None:
    _flip(content, *template.footer, chance)


def _flip_in_page(content: bytearray, template: Template, chance: random.Random) -> None:
    _flip(content, *chance.choice(template.chunks), chance)


def _flip_in_page_head(content: bytearray, template: Template, chance: random.Random) -> None:
    start, end = chance.choice(template.chunks)
    _flip(content, start, min(end, start + 24), chance)


def _change_footer_length(content: bytearray, template: Template, chance: random.Random) -> None:
    length = int.from_bytes(content[-8:-4], "little")
    other = chance.choice((0, 1, length - 1, length + 1, length * 2, len(content), 2**31 - 1, 2**31, 2**32 - 1))
    content[-8:-4] = other.to_bytes(4, "little")


def _delete(content: bytearray, template: Template, chance: random.Random) -> None:
    start, end = _piece(content, chance)
    del content[start:end]


def _insert(content: bytearray, template: Template, chance: random.Random) -> None:
    start, end = _piece(content, chance)
    content[start:start] = chance.randbytes(end - start)


def _truncate(content: bytearray, template: Template, chance: random.Random) -> None:
    """The end is missing; half of the time a footer's last bytes stand there all the same."""
    tail = content[-_FOOTER_TAIL:] if chance.random() < 0.5 else b""
    del content[chance.randrange(_MAGIC_BYTES, len(content)) :]
    content += tail


def _duplicate(content: bytearray, template: Template, chance: random.Random) -> None:
    start, end = chance.choice((*template.chunks, template.footer, _piece(content, chance)))
    content[end:end] = content[start:end]


def _overwrite(content: bytearray, template: Template, chance: random.Random) -> None:
    """A block of the disk is zeros, ones, or another's."""
    start, end = _piece(content, chance)
    size = end - start
    content[start:end] = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))


def _swap_pages(content: bytearray, template: Template, chance: random.Random) -> None:
    """The pages of two columns change places, of the same length where there are such."""
    one = chance.choice(template.chunks)
    alike = [each for each in template.chunks if each != one and each[1] - each[0] == one[1] - one[0]]
    two = chance.choice(alike or [each for each in template.chunks if each != one])
    size = min(one[1] - one[0], two[1] - two[0])
    first, second = content[one[0] : one[0] + size], content[two[0] : two[0] + size]
    content[one[0] : one[0] + size], content[two[0] : two[0] + size] = second, first


_WAYS: dict[str, Callable[[bytearray, Template, random.Random], None]] = {
    "flipped bits": _flip_anywhere,
    "flipped bits in the footer": _flip_in_footer,
    "flipped bits in a page": _flip_in_page,
    "flipped bits in a page's head": _flip_in_page_head,
    "another length of the footer": _change_footer_length,
    "deleted bytes": _delete,
    "inserted bytes": _insert,
    "truncated": _truncate,
    "duplicated block": _duplicate,
    "overwritten block": _overwrite,
    "swapped pages": _swap_pages,
}
