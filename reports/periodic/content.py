"""The content of a periodic report: one model, written as Word, PDF and HTML.

A `Document` is metadata and a flat tuple of blocks. Writers decide how a block looks and never what it says, so all
files carry the same words, tables and figures. Captions are numbered here, once, for all writers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from reports.words import Lang

__all__ = [
    "Block",
    "Document",
    "DocumentBuilder",
    "Figure",
    "Heading",
    "Metadata",
    "Note",
    "Paragraph",
    "ParagraphStyle",
    "Table",
]

HeadingLevel = Literal[1, 2, 3, 4]
ParagraphStyle = Literal["body", "item", "signature", "issued"]
_ALIGNMENTS = ("left", "right", "center")
_DENSE_COLUMNS = 8
_ROWS_KEPT = 8


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a document is, apart from its blocks.

    Attributes
    ----------
    title : str
        Printed centred at the top, broken at its line feeds; in the file's properties it is one line (`title_line`).
    organisation : str
        Issuing office; printed in the signature and as the author in the file's properties.
    lang : {"zh", "en"}
    issued_on : date
        Local date; the only date that enters the file (creation and modification date).
    subject : str
        One line for the file's properties.
    keywords : tuple of str
    banner : str
        Printed on every page; empty for none. Demonstration data is marked here.
    footer : str
        Printed beside the page number (the five-pre profile).
    """

    title: str
    organisation: str
    lang: Lang
    issued_on: date
    subject: str = ""
    keywords: tuple[str, ...] = ()
    banner: str = ""
    footer: str = ""

    @property
    def title_line(self) -> str:
        """Title as one line."""
        return ("" if self.lang == "zh" else " ").join(self.title.split("\n"))


@dataclass(frozen=True)
class Heading:
    """A heading with its printed number: 一、 （一） 1. （1） by level, in English 1. 1.1 1.1.1 (a)."""

    level: HeadingLevel
    text: str
    starts_page: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of prose.

    `style` "body" is the normal text, "item" a numbered measure without the caption of a table, "signature" a line to
    be signed by hand, "issued" the issuing office over the date of issue, its lines centred on one another and four
    characters in from the right.
    """

    text: str
    style: ParagraphStyle = "body"


@dataclass(frozen=True)
class Table:
    """A table of finished text; its header row repeats on every page.

    Attributes
    ----------
    caption : str
        Without its number.
    header : tuple of str
    rows : tuple of tuple of str
        Every row as long as the header.
    align : tuple of {"left", "right", "center"}
        One per column.
    widths : tuple of float
        Relative column widths.
    number : int
        Position among the tables of the text or of the annex, from 1.
    section : int
        Section that the table belongs to, from 1; 0 for the summary.
    is_annexed : bool
        True for a table that stands in the annex, behind the signature.
    row_mm : float
        Least height of its rows; 0 for that of the text. Rows to be filled in by hand need more.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: tuple[str, ...]
    widths: tuple[float, ...]
    number: int = 0
    section: int = 0
    is_annexed: bool = False
    row_mm: float = 0.0

    @property
    def is_dense(self) -> bool:
        """True for a table with many columns, which is set in smaller type."""
        return len(self.header) >= _DENSE_COLUMNS

    @property
    def is_kept_together(self) -> bool:
        """True for a table short enough not to be broken over pages."""
        return len(self.rows) <= _ROWS_KEPT

    def __post_init__(self) -> None:
        n_columns = len(self.header)
        for name, got in (("align", len(self.align)), ("widths", len(self.widths))):
            if got != n_columns:
                raise ValueError(f"table '{self.caption}': {name} has {got} entries for {n_columns} columns")
        if not set(self.align) <= set(_ALIGNMENTS):
            raise ValueError(f"table '{self.caption}': align is {self.align}; accepted: {', '.join(_ALIGNMENTS)}")
        for index, row in enumerate(self.rows):
            if len(row) != n_columns:
                raise ValueError(f"table '{self.caption}': row {index} has {len(row)} cells for {n_columns} columns")


@dataclass(frozen=True)
class Figure:
    """A PNG picture with a caption (without its number) and a text for readers who cannot see it."""

    png: bytes
    caption: str
    alt: str
    width_mm: float = 150.0
    number: int = 0

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"figure '{self.caption}': alt is empty; say in words what the picture shows")


@dataclass(frozen=True)
class Note:
    """A small remark under a table or a section."""

    text: str


Block = Heading | Paragraph | Table | Figure | Note


@dataclass(frozen=True)
class Document:
    """A whole report: metadata and blocks in reading order."""

    meta: Metadata
    blocks: tuple[Block, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return the tables in order."""
        return tuple(block for block in self.blocks if isinstance(block, Table))

    def figures(self) -> tuple[Figure, ...]:
        """Return the figures in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))

    def outline(self) -> tuple[tuple[int, Heading], ...]:
        """Return the headings with their depth in the outline: as their level, but no step downwards is skipped.

        A section may go from 一、 straight to 1.; readers of screens and the archive's standard want no gap.
        """
        found: list[tuple[int, Heading]] = []
        for heading in self.headings():
            found.append((min(heading.level, found[-1][0] + 1 if found else 1), heading))
        return tuple(found)

    def kept_with_next(self) -> tuple[bool, ...]:
        """Return for each block whether it stays on the page of the next.

        So does what stands before the date of issue, and the last words before a signature: nobody signs an empty page.
        """
        kept = []
        for block, following in zip(self.blocks, (*self.blocks[1:], None), strict=True):
            style = following.style if isinstance(following, Paragraph) else ""
            kept.append(style == "issued" or (style == "signature" and isinstance(block, Paragraph)))
        return tuple(kept)

    def headings(self) -> tuple[Heading, ...]:
        """Return the headings in order."""
        return tuple(block for block in self.blocks if isinstance(block, Heading))


@dataclass
class DocumentBuilder:
    """Collects blocks and numbers headings, tables and figures.

    Examples
    --------
    >>> from datetime import date
    >>> builder = DocumentBuilder(Metadata(title="T", organisation="O", lang="zh", issued_on=date(2021, 8, 1)))
    >>> builder.section("前期回顾")
    >>> builder.subsection("降雨")
    >>> builder.table("雨量", ("站", "mm"), [("57083", "617.1")], align=("left", "right"))
    >>> [getattr(block, "text", getattr(block, "caption", "")) for block in builder.build().blocks]
    ['一、前期回顾', '（一）降雨', '雨量']
    """

    meta: Metadata
    _blocks: list[Block] = field(default_factory=list)
    _sections: int = 0
    _subsections: int = 0
    _points: int = 0
    _subpoints: int = 0
    _tables: int = 0
    _figures: int = 0
    _annex: list[Block] = field(default_factory=list)
    _annexed: int = 0
    _pointed_to: int = 0

    @property
    def n_annexed(self) -> int:
        """Tables that stand in the annex so far."""
        return self._annexed

    def _close(self) -> None:
        """End a section with the pointer to what it put into the annex."""
        self._blocks.extend(self._pointer())
        self._pointed_to = self._annexed

    def _pointer(self) -> tuple[Note, ...]:
        """Return the remark that names the tables which went to the annex since the last such remark."""
        first, last = self._pointed_to + 1, self._annexed
        if first > last:
            return ()
        if self.meta.lang == "zh":
            names = f"附表{first}" if first == last else f"附表{first}{'、' if last == first + 1 else '至'}附表{last}"
            return (Note(f"数据见{names}。"),)
        joint = " and " if last == first + 1 else " to "
        names = f"annex table {first}" if first == last else f"annex tables {first}{joint}{last}"
        return (Note(f"For the numbers see {names}."),)

    def section(self, text: str) -> None:
        """Open a first-level section: 一、 in Chinese, 1. in English."""
        self._close()
        self._sections += 1
        self._subsections = self._points = self._subpoints = 0
        prefix = f"{_chinese_number(self._sections)}、" if self.meta.lang == "zh" else f"{self._sections}. "
        self._blocks.append(Heading(1, prefix + text))

    def subsection(self, text: str) -> None:
        """Open a second-level section: （一） in Chinese, 1.1 in English."""
        self._close()
        self._subsections += 1
        self._points = self._subpoints = 0
        number = f"{self._sections}.{self._subsections} "
        prefix = f"（{_chinese_number(self._subsections)}）" if self.meta.lang == "zh" else number
        self._blocks.append(Heading(2, prefix + text))

    def point(self, text: str) -> None:
        """Open a third-level section: 1. in Chinese, 1.1.1 in English."""
        self._close()
        self._points += 1
        self._subpoints = 0
        number = f"{self._sections}.{self._subsections}.{self._points} "
        self._blocks.append(Heading(3, (f"{self._points}. " if self.meta.lang == "zh" else number) + text))

    def subpoint(self, text: str) -> None:
        """Open a fourth-level section: （1） in Chinese, (a) in English."""
        self._close()
        self._subpoints += 1
        letter = chr(ord("a") + (self._subpoints - 1) % 26)
        prefix = f"（{self._subpoints}）" if self.meta.lang == "zh" else f"({letter}) "
        self._blocks.append(Heading(4, prefix + text))

    def issued(self, office: str, day: str) -> None:
        """Add the issuing office and the date of issue, as they stand at the end of an official document."""
        self._close()
        self._blocks.append(Paragraph(f"{office}\n{day}", "issued"))

    def heading(self, text: str) -> None:
        """Add a first-level heading without a number (the summary)."""
        self._close()
        self._blocks.append(Heading(1, text))

    def prose(self, *texts: str, style: ParagraphStyle = "body") -> None:
        """Add paragraphs; empty texts are left out."""
        self._blocks.extend(Paragraph(text, style) for text in texts if text)

    def note(self, text: str, *, annex: bool = False) -> None:
        """Add a remark to the text or to the annex; nothing for an empty text."""
        if text and annex:
            self._annex.append(Note(text))
        elif text:
            self._blocks.append(Note(text))

    def table(
        self,
        caption: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        align: Sequence[str],
        widths: Sequence[float] | None = None,
        annex: bool = False,
        row_mm: float = 0.0,
    ) -> None:
        """Add a table with the next number; columns are equally wide unless `widths` says otherwise.

        A table of the annex stands behind the signature; a remark in the text points to it.
        """
        relative = tuple(widths) if widths is not None else (1.0,) * len(header)
        cells = tuple(tuple(row) for row in rows)
        number = (self._annexed if annex else self._tables) + 1
        table = Table(caption, tuple(header), cells, tuple(align), relative, number, self._sections, annex, row_mm)
        if annex:
            self._annexed = number
            self._annex.append(table)
        else:
            self._tables = number
            self._blocks.append(table)

    def figure(self, png: bytes, caption: str, *, alt: str, width_mm: float = 150.0) -> None:
        """Add a figure with the next number."""
        self._figures += 1
        self._blocks.append(Figure(png, caption, alt, width_mm, self._figures))

    def build(self) -> Document:
        """Return the finished document, its annex on a new page."""
        blocks = [*self._blocks, *self._pointer()]
        if self._annex:
            blocks += [Heading(1, "附件" if self.meta.lang == "zh" else "Annex", starts_page=True), *self._annex]
        return Document(self.meta, tuple(blocks))


def _chinese_number(number: int) -> str:
    """Return 1 to 99 in Chinese figures."""
    digits = "零一二三四五六七八九"
    tens, ones = divmod(number, 10)
    if tens == 0:
        return digits[ones]
    return ("" if tens == 1 else digits[tens]) + "十" + (digits[ones] if ones else "")
