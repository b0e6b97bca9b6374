"""The desk: everything that does not change from cycle to cycle, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from risk_models.district import District, DistrictSettings
from risk_models.files import make_folders
from risk_models.risk import HotspotScorer
from risk_models.standards import Standards, load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain
from risk_models.warning.states import WarningPolicy
from wuyu.clock import require_honest_clock, time_now
from wuyu.ledger import Ledger, open_ledger
from wuyu.ledger.places import ledger_of, make_ledger_of
from wuyu.progress import Tell, silent
from wuyu.register.in_force import district_in_force
from wuyu.station import Station, update_contacts

__all__ = ["Desk", "begin_desk", "open_desk"]


@dataclass(frozen=True, kw_only=True)
class Desk(Station):
    """A station with the tables of its district, the terrain, the standards and the scorer: enough to decide.

    Attributes
    ----------
    district : District
        Its settings and folder are those of the station.
    standards : Standards
    terrain : HotspotTerrain
    scorer : HotspotScorer
    """

    settings: DistrictSettings = field(init=False)
    root: Path = field(init=False)
    district: District
    standards: Standards
    terrain: HotspotTerrain
    scorer: HotspotScorer

    def __post_init__(self) -> None:
        # Set here, so that a desk with another district (`dataclasses.replace`) never keeps the settings of the first.
        object.__setattr__(self, "settings", self.district.settings)
        object.__setattr__(self, "root", self.district.root)

    @cached_property
    def policy(self) -> WarningPolicy:
        """How the district lowers and renews warnings."""
        return WarningPolicy.from_settings(self.settings.warning)

    @property
    def raw_dir(self) -> Path:
        """Where feed files are kept as received."""
        return self.out / "raw"

    @property
    def risk_dir(self) -> Path:
        """Where risk tables are kept, one per cycle."""
        return self.out / "risk"


def open_desk(district: Path, out: Path, *, tell: Tell = silent) -> Desk:
    """Open a ledger, load the district in force, and derive (or read from cache) its terrain.

    A folder that is good is taken over; if it is not, the last that was goes on, and `notice` says so.

    Contacts of towns that have changed are noted in the ledger, where whoever escalates finds them.

    Parameters
    ----------
    district : Path
        District folder.
    out : Path
        Folder of the products; made if absent.
    tell : Tell
        Progress.

    Returns
    -------
    Desk

    Raises
    ------
    BadInputError
        With every problem of the district folder, if none was ever good.
    LedgerError
        If there is no ledger, or it is not one of this version; `wuyu service init` makes one.
    """
    ledger = open_ledger(ledger_of(out))
    try:
        return _derive(district, out, ledger, tell)
    except BaseException:
        ledger.close()
        raise


def begin_desk(district: Path, out: Path, *, tell: Tell = silent) -> Desk:
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
    return open_desk(district, out, tell=tell)


def _derive(district: Path, out: Path, ledger: Ledger, tell: Tell) -> Desk:
    tell(0.0, "reading the district")
    loaded, notice = district_in_force(district, out, ledger, now=time_now())
    require_honest_clock(loaded.settings)
    make_folders(out)
    standards = load_standards()
    land_cover = standards.land_cover(loaded.settings.standards.land_cover)
    cache = out / "cache"
    terrain = hotspot_terrain(
        loaded,
        land_cover_table=land_cover,
        cache_dir=cache,
        progress=lambda fraction, text: tell(0.1 + 0.8 * fraction, text),
    )
    tell(0.9, "preparing the scorer")
    scorer = HotspotScorer(loaded, terrain, standards, cache_dir=cache, progress=lambda _, text: tell(0.9, text))
    desk = Desk(
        district=loaded,
        standards=standards,
        terrain=terrain,
        scorer=scorer,
        ledger=ledger,
        out=out,
        notice=notice,
    )
    update_contacts(desk, loaded)
    tell(1.0, "ready")
    return desk
