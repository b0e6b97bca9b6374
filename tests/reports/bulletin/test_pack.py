"""The packed PDF: the same document, lighter, the same bytes every time."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
import pytest
import typst
from PIL import Image
from pypdf import PdfReader

from reports.bulletin.pack import pack_pdf

SOURCE = b"""
#set document(title: "t", date: datetime(year: 2021, month: 7, day: 20))
= Heading
#table(columns: 3, table.header([a], [b], [c]), ..range(600).map(n => [#n]))
#image(bytes(json(bytes(sys.inputs.map))), alt: "picture")
"""


def _png(mode: str) -> bytes:
    """Return a picture of twenty coloured stripes."""
    stripes = np.repeat(np.arange(20, dtype=np.uint8)[None, :] * 12, 30, axis=0)
    picture = Image.fromarray(np.dstack([stripes, 255 - stripes, stripes // 2]))
    buffer = io.BytesIO()
    (picture.quantize(32) if mode == "P" else picture.convert(mode)).save(buffer, format="PNG")
    return buffer.getvalue()


def _compiled(png: bytes) -> bytes:
    inputs = {"map": str(list(png))}
    made = typst.compile(SOURCE, format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"], timestamp=0)
    assert isinstance(made, bytes)
    return made


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA", "L"])
def test_pages_look_the_same_and_weigh_less(mode):
    png = _png(mode)
    plain = _compiled(png)
    packed = pack_pdf(plain, png=png)
    assert len(packed) < 0.4 * len(plain)
    with pypdfium2.PdfDocument(plain) as before, pypdfium2.PdfDocument(packed) as after:
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one.render().to_numpy(), other.render().to_numpy())


def test_text_tags_and_metadata_stay():
    png = _png("P")
    plain = _compiled(png)
    before = PdfReader(io.BytesIO(plain), strict=True)
    after = PdfReader(io.BytesIO(pack_pdf(plain, png=png)), strict=True)
    assert after.metadata == before.metadata
    assert [page.extract_text() for page in after.pages] == [page.extract_text() for page in before.pages]
    assert after.trailer["/ID"] == before.trailer["/ID"]
    root = after.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]["/K"]


def test_same_bytes_in_same_bytes_out():
    png = _png("P")
    plain = _compiled(png)
    assert pack_pdf(plain, png=png) == pack_pdf(plain, png=png)


@pytest.mark.parametrize("broken", [b"", b"%PDF-1.7\n", b"%PDF-1.7\nxref\n0 1\nstartxref\n9\n%%EOF"])
def test_other_files_are_refused(broken):
    with pytest.raises(ValueError, match="not a PDF with one plain cross-reference table"):
        pack_pdf(broken)


def test_damaged_object_is_refused():
    plain = _compiled(_png("P"))
    with pytest.raises(ValueError, match="no object of generation 0 at byte"):
        pack_pdf(plain.replace(b"\n2 0 obj", b"\n2 7 obj", 1))
