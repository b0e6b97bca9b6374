"""The desk: everything that does not change from cycle to cycle, opened once per process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from risk_models.district import District, load_district
from risk_models.files import make_folders
from risk_models.risk import HotspotScorer
from risk_models.standards import Standards, load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain
from risk_models.warning.states import WarningPolicy
from wuyu.ledger import Ledger, open_ledger
from wuyu.messages.letters import Sender
from wuyu.progress import Report, silent

__all__ = ["LEDGER_VARIABLE", "Desk", "open_desk"]

#: Environment variable that puts the ledger elsewhere, e.g. into PostgreSQL; default: ``<out>/ledger.sqlite``.
LEDGER_VARIABLE = "WUYU_LEDGER"


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
    """Load and check a district, derive (or read from cache) its terrain, and open its ledger.

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
    """
    make_folders(out)
    report(0.0, "reading the district")
    loaded = load_district(district)
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
    ledger = open_ledger(os.environ.get(LEDGER_VARIABLE) or out / "ledger.sqlite")
    report(1.0, "ready")
    return Desk(loaded, standards, terrain, scorer, ledger, out)
