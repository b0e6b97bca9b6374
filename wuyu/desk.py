"""The desk: everything that does not change from cycle to cycle, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from reports.words import Text
from risk_models.district import District, load_district
from risk_models.files import make_folders
from risk_models.risk import HotspotScorer
from risk_models.standards import Standards, load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain
from risk_models.warning.states import WarningPolicy
from wuyu.clock import clock_marks, require_honest_clock
from wuyu.ledger import Ledger, open_ledger
from wuyu.ledger.places import ledger_of, make_ledger_of
from wuyu.messages.letters import Sender
from wuyu.progress import Report, silent

__all__ = ["Desk", "begin_desk", "open_desk"]


@dataclass(frozen=True)
class Desk:
    """A district with its terrain, standards, scorer, ledger and the folder of its products.

    Attributes
    ----------
    district : District
    standards : Standards
    terrain : HotspotTerrain
    scorer : HotspotScorer
    ledger : Ledger
    out : Path
        Folder under which every product is written.
    """

    district: District
    standards: Standards
    terrain: HotspotTerrain
    scorer: HotspotScorer
    ledger: Ledger
    out: Path

    @property
    def code(self) -> str:
        """Code of the district."""
        return self.district.settings.district.code

    @cached_property
    def timezone(self) -> ZoneInfo:
        """Local time zone, for products."""
        return ZoneInfo(self.district.settings.district.timezone)

    @cached_property
    def policy(self) -> WarningPolicy:
        """How the district lowers and renews warnings."""
        return WarningPolicy.from_settings(self.district.settings.warning)

    @cached_property
    def sender(self) -> Sender:
        """From whom letters come."""
        return Sender.of(self.district.settings, root=self.district.root, out=self.out)

    @cached_property
    def marks(self) -> tuple[Text, ...]:
        """What every product says beside the mark of demonstration data: that the clock is not the wall clock."""
        return tuple(Text(zh, en) for zh, en in clock_marks())

    @property
    def raw_dir(self) -> Path:
        """Where feed files are kept as received."""
        return self.out / "raw"

    @property
    def risk_dir(self) -> Path:
        """Where risk tables are kept, one per cycle."""
        return self.out / "risk"

    def relative(self, path: Path) -> str:
        """Return a product's path relative to `out`, as the ledger keeps it."""
        return path.resolve().relative_to(self.out.resolve()).as_posix()


def open_desk(district: Path, out: Path, *, report: Report = silent) -> Desk:
    """Open a ledger, load and check its district, and derive (or read from cache) its terrain.

    Parameters
    ----------
    district : Path
        District folder.
    out : Path
        Folder of the products; made if absent.
    report : Report
        Progress.

    Returns
    -------
    Desk

    Raises
    ------
    BadInputError
        With every problem of the district folder.
    LedgerError
        If there is no ledger, or it is not one of this version; `wuyu service init` makes one.
    """
    ledger = open_ledger(ledger_of(out))
    try:
        return _derive(district, out, ledger, report)
    except BaseException:
        ledger.close()
        raise


def begin_desk(district: Path, out: Path, *, report: Report = silent) -> Desk:
    """Open a desk, its ledger made first if there is none: for replays and trials, never for a verb in service.

    Parameters and answer are those of `open_desk`.

    Raises
    ------
    BadInputError
        With every problem of the district folder.
    LedgerError
        If `out` holds products of a ledger that is gone, or a ledger of another version.
    """
    make_ledger_of(out)
    return open_desk(district, out, report=report)


def _derive(district: Path, out: Path, ledger: Ledger, report: Report) -> Desk:
    report(0.0, "reading the district")
    loaded = load_district(district)
    require_honest_clock(loaded.settings)
    make_folders(out)
    standards = load_standards()
    land_cover = standards.land_cover(loaded.settings.standards.land_cover)
    cache = out / "cache"
    terrain = hotspot_terrain(
        loaded,
        land_cover_table=land_cover,
        cache_dir=cache,
        progress=lambda fraction, text: report(0.1 + 0.8 * fraction, text),
    )
    report(0.9, "preparing the scorer")
    scorer = HotspotScorer(loaded, terrain, standards, cache_dir=cache, progress=lambda _, text: report(0.9, text))
    report(1.0, "ready")
    return Desk(loaded, standards, terrain, scorer, ledger, out)
