"""Makes the compiler's PDF light enough for a mail without giving up its tags.

The compiler writes every tag as an object of its own, uncompressed, and unpacks a palette picture to full colour. Both
are legal and heavy: in a long bulletin they are half of the file. PDF 1.5 and later keep plain objects in compressed
object streams with a cross-reference stream (ISO 32000-1:2008, 7.5.7 and 7.5.8), and may show palette pixels as a PNG
stores them (8.6.6.3 and 7.4.4.4). No content changes, and the same PDF gives the same bytes.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

__all__ = ["pack_pdf"]

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*)\sendobj\s*", re.DOTALL)
_IMAGE = re.compile(rb"/Subtype/Image\b.*?/Width (\d+)/Height (\d+)/ColorSpace (\d+ 0 R)")
_PER_STREAM = 400


@dataclass(frozen=True)
class _Palette:
    """A palette PNG of one byte per pixel: size, colours, and its compressed rows."""

    width: int
    height: int
    colours: bytes
    rows: bytes


def pack_pdf(pdf: bytes, *, png: bytes | None = None) -> bytes:
    """Return the same document with its plain objects in compressed streams.

    Parameters
    ----------
    pdf : bytes
        PDF 1.5 or later with one classical cross-reference table, not encrypted, every generation 0.
    png : bytes, optional
        The picture shown in it; if it has a palette, its pixels are put back as they were.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the file is not laid out like that.
    """
    objects, trailer = _parse(pdf)
    palette = None if png is None else _palette(png)
    if palette is not None:
        objects = {number: _with_palette(body, palette) for number, body in objects.items()}
    plain = [number for number, body in objects.items() if not body.endswith(b"endstream")]
    parts, size = [pdf[: pdf.index(b"\n") + 1], b"%\x80\x80\x80\x80\n"], max(objects) + 1
    places: dict[int, tuple[int, int, int]] = {}
    at = sum(map(len, parts))

    def write(number: int, body: bytes) -> None:
        nonlocal at
        places[number] = (1, at, 0)
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        at += len(parts[-1])

    for number, body in objects.items():
        if body.endswith(b"endstream"):
            write(number, body)
    for group in (plain[start : start + _PER_STREAM] for start in range(0, len(plain), _PER_STREAM)):
        places |= {number: (2, size, index) for index, number in enumerate(group)}
        write(size, _object_stream([(number, objects[number]) for number in group]))
        size += 1
    places[size] = (1, at, 0)
    rows = [places.get(number, (0, 0, 0xFFFF)) for number in range(size + 1)]
    table = zlib.compress(b"".join(struct.pack(">BIH", *row) for row in rows), 9)
    head = b"<</Type/XRef/W[1 4 2]/Size %d%b/Filter/FlateDecode/Length %d>>" % (size + 1, trailer, len(table))
    parts.append(b"%d 0 obj\n%b\nstream\n%b\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (size, head, table, at))
    return b"".join(parts)


def _parse(pdf: bytes) -> tuple[dict[int, bytes], bytes]:
    """Return the bodies of all objects by number, and what of the trailer is kept."""
    found = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*$", pdf)
    start = int(found[1]) if found else 0
    table = re.compile(rb"xref\s+0 (\d+)\s+").match(pdf, start)
    trailer = re.compile(rb".*?trailer\s*<</Size \d+(/.*?)>>\s*startxref", re.DOTALL).match(pdf, start)
    if found is None or table is None or trailer is None:
        raise ValueError("not a PDF with one plain cross-reference table")
    entries = [pdf[table.end() + 20 * row : table.end() + 20 * row + 18] for row in range(int(table[1]))]
    offsets = sorted(int(entry[:10]) for entry in entries if entry.endswith(b"n"))
    objects = {}
    for begin, end in zip(offsets, [*offsets[1:], start], strict=True):
        written = _OBJECT.fullmatch(pdf, begin, end)
        if written is None:
            raise ValueError(f"no object of generation 0 at byte {begin} of the PDF")
        objects[int(written[1])] = written[2]
    return objects, trailer[1]


def _object_stream(members: list[tuple[int, bytes]]) -> bytes:
    """Return one compressed stream of objects."""
    index, offset = [], 0
    for number, body in members:
        index.append(b"%d %d" % (number, offset))
        offset += len(body) + 1
    head = b" ".join(index) + b"\n"
    data = zlib.compress(head + b"\n".join(body for _, body in members), 9)
    dictionary = b"<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>" % (len(members), len(head), len(data))
    return dictionary + b"\nstream\n" + data + b"\nendstream"


def _palette(png: bytes) -> _Palette | None:
    """Read a PNG of one palette byte per pixel without interlace; None for any other."""
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind = png[at + 4 : at + 8]
        chunks[kind] = chunks.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if (depth, colour, interlace) != (8, 3, 0) or b"tRNS" in chunks:
        return None
    return _Palette(width, height, chunks[b"PLTE"], chunks[b"IDAT"])


def _with_palette(body: bytes, palette: _Palette) -> bytes:
    """Return a picture of the palette's size as palette pixels; any other object as it is."""
    found = _IMAGE.search(body, 0, 400)
    if found is None or (int(found[1]), int(found[2])) != (palette.width, palette.height):
        return body
    head = (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace[/Indexed %b %d<%b>]"
        b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors 1/BitsPerComponent 8/Columns %d>>/Length %d>>"
    )
    colours = palette.colours
    values = (palette.width, palette.height, found[3], len(colours) // 3 - 1, colours.hex().encode(), palette.width)
    return head % (*values, len(palette.rows)) + b"\nstream\n" + palette.rows + b"\nendstream"
