"""Templates of an office's own: files that stand in for the built ones, found by name in one folder.

``report.docx`` gives styles, page, header and footer of the Word file; ``report.typ`` sets the PDF, with every picture
and font beside it; ``report.html.j2`` and ``report.css`` make the HTML. What the folder lacks is taken from the house.
"""

from __future__ import annotations

from pathlib import Path

from reports.words import Lang
from risk_models.errors import BadInputError, Finding

__all__ = ["BUILT_IN", "broken", "template_file", "template_folder"]

BUILT_IN = Path(__file__).resolve().parents[2] / "templates" / "periodic"
NAMES = ("report.docx", "report.typ", "report.html.j2", "report.css")


def template_file(template: Path | None, name: str, lang: Lang) -> Path | None:
    """Return the office's file of a name, or None where the built one is to be used.

    In a folder, the file of the language (``report.en.docx``) goes before the one for both (``report.docx``).

    Parameters
    ----------
    template : Path or None
        A folder, which need not hold every file, or the file itself.
    name : str
        One of `NAMES`.
    lang : {"zh", "en"}

    Raises
    ------
    BadInputError
        If `template` is not there, or is a file of another kind.
    """
    if template is None:
        return None
    if template.is_dir():
        first, rest = name.split(".", 1)
        names = (f"{first}.{lang}.{rest}", name)
        return next((template / each for each in names if (template / each).is_file()), None)
    if not template.is_file():
        raise broken(template, "there is no such template", f"a folder with {' or '.join(NAMES)}, or such a file")
    if template.suffix != Path(name).suffix:
        raise broken(template, f"a template for this format is called {name}", f"a file ending in {Path(name).suffix}")
    return template


def template_folder(template: Path | None) -> Path | None:
    """Return the folder of an office's templates, where its pictures and fonts lie."""
    if template is None:
        return None
    return template if template.is_dir() else template.parent


def broken(path: Path, message: str, accepted: str) -> BadInputError:
    """Return the error for a template that cannot be used.

    Examples
    --------
    >>> print(broken(Path("own/report.docx"), "not a Word file", "a .docx saved by Word or LibreOffice"))
    report template: 1 problem
      report.docx: not a Word file (accepted: a .docx saved by Word or LibreOffice). [bad-template]
    """
    finding = Finding(code="bad-template", message=message, file=path.name, accepted=accepted)
    return BadInputError("report template", [finding])
