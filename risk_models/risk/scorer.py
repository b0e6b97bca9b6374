"""Score hotspots: rain in, risk table out.

The scorer holds what does not change from cycle to cycle (basins, exposure, standards), so a cycle costs one pass of
the ponding kernel over members and a few quantiles. It works through blocks of hotspots, so that memory is bounded by
the block and time grows with the number of hotspots; see `risk_models.risk.block`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from risk_models.district import District
from risk_models.forecast.rainfall import validate_rainfall
from risk_models.kept import Progress
from risk_models.levels import Level
from risk_models.risk.block import BlockScorer
from risk_models.risk.capacity import with_capacity
from risk_models.risk.combined import LearnedOpinion, refused_model_summary
from risk_models.risk.criteria import OrderCriteria, town_rules
from risk_models.risk.explain import typical_place
from risk_models.risk.exposure import ContourExposure, exposure_json, hotspot_exposure, is_day
from risk_models.risk.now import settle_now
from risk_models.risk.order import places_in_order
from risk_models.risk.own_record import place_spread
from risk_models.risk.ponding import HotspotBasins
from risk_models.risk.reasons import tell_record, without_record
from risk_models.risk.spread import PlaceSpread
from risk_models.risk.table import RiskTable
from risk_models.standards import Standards, load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["METHOD_VERSION", "HotspotScorer", "RainSource", "score"]

Floats = npt.NDArray[np.float64]
#: Rain of all hotspots (its arrays may be lazy), or a function that gives it for some hotspots by their ids.
RainSource: TypeAlias = xr.Dataset | Callable[[list[str]], xr.Dataset]

METHOD_VERSION = "ponding-4"
#: Hotspots scored at once; with 51 members about 200 MB.
BLOCK_HOTSPOTS = 1024
#: In larger registers only red hotspots have their score split into all factors: it costs as much as the score itself.
EXPLAINED_MOST = 2000
#: Optional variable of a Rainfall dataset (hotspot,): soil water index before its first step, mm.
SOIL_WATER_VARIABLE = "soil_water_start_mm"
_KEPT_ATTRS = (
    "valid_at", "issued_at", "ladder_step", "ladder_zh", "ladder_en", "gauges_used", "gauges_expected",
    "observed_until",
)  # fmt: skip


@dataclass(frozen=True)
class _Task:
    """One block and where its rain comes from; can be sent to another process."""

    scorer: BlockScorer
    rain: RainSource
    soil_water_mm: Floats | None
    outages: pd.DataFrame | None
    threads: int = 1

    def __call__(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        ids = list(self.scorer.hotspots.index)
        rainfall = self.rain(ids) if callable(self.rain) else self.rain
        if rainfall.chunks:
            rainfall = rainfall.compute(scheduler="synchronous")
        soil_water_mm = self.soil_water_mm
        if soil_water_mm is None and SOIL_WATER_VARIABLE in rainfall:
            soil_water_mm = rainfall[SOIL_WATER_VARIABLE].to_numpy().astype(np.float64)
        frame = self.scorer.score(rainfall, soil_water_mm=soil_water_mm, outages=self.outages, threads=self.threads)
        return frame, {name: rainfall.attrs[name] for name in _KEPT_ATTRS}


def _run_task(task: _Task) -> tuple[pd.DataFrame, dict[str, Any]]:
    return task()


class HotspotScorer:
    """Score every hotspot of a district.

    Parameters
    ----------
    district : District
    terrain : HotspotTerrain
        Of the same hotspots in the same order.
    standards : Standards
        Tables from which the district's settings pick.
    cache_dir : Path, optional
        Folder in which what the district alone determines is kept; see `risk_models.kept`.
    progress : callable, optional
        Called with a fraction (0-1) and a short text.

    Attributes
    ----------
    model_refused : tuple of Finding
        Why the learned model that the district names is not asked; empty where it is, or where there is none.

    Raises
    ------
    ValueError
        If terrain and district list different hotspots.
    """

    def __init__(
        self,
        district: District,
        terrain: HotspotTerrain,
        standards: Standards,
        *,
        cache_dir: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        hotspots = district.hotspots
        if not terrain.features.index.equals(hotspots.index):
            raise ValueError("terrain and district list different hotspots; compute the terrain anew")
        picks = district.settings.standards
        self.district, self.terrain = district, terrain
        self._kept_in: dict[str, Any] = {"cache_dir": cache_dir, "progress": progress}
        self.horizon_h = district.settings.warning.horizon_h
        self.basins = HotspotBasins.from_terrain(
            terrain, hotspots["drain_capacity_mm_h"].to_numpy(float), hotspots["pump_capacity_m3_s"].to_numpy(float)
        )
        self.exposure = hotspot_exposure(district, standards.vulnerability(picks.vulnerability), **self._kept_in)
        self.formula = standards.storm_formula(picks.storm_formula)
        self.matrix_id, self.criteria_id = picks.risk_matrix, picks.order_criteria
        self.town_rules = town_rules(standards.town_criteria(picks.town_criteria))
        classes = standards.depth_classes(picks.depth_classes)
        depth_of_impact = standards.impact_depths(picks.impact_depths)
        vulnerability = self.exposure["vulnerability"].to_numpy()
        unaided_impact_m = depth_of_impact[vulnerability]
        depth_of_impact_m = with_capacity(
            unaided_impact_m, vulnerability, self.exposure["capacity_ready"].to_numpy(bool)
        )
        learned, self.model_refused = LearnedOpinion.of(district, terrain)
        typical, undrained = typical_place(self.basins)
        self.whole = BlockScorer(
            hotspots=pd.DataFrame(hotspots.drop(columns="geometry")),
            basins=self.basins,
            exposure=self.exposure,
            depth_of_impact_m=depth_of_impact_m,
            unaided_impact_m=unaided_impact_m,
            ordinary_impact_m=np.broadcast_to(depth_of_impact[0], depth_of_impact_m.shape),
            thresholds_m=tuple(item.depth_min_m for item in classes if item.depth_min_m > 0),
            matrix=standards.risk_matrix(picks.risk_matrix),
            band_minima=np.array([band.p_min for band in standards.likelihood_bands(picks.likelihood_bands)]),
            criteria=OrderCriteria(
                standards.order_criteria(picks.order_criteria), standards.assessed_kinds(picks.vulnerability)
            ),
            formula=self.formula,
            horizon_h=self.horizon_h,
            typical=typical,
            undrained=undrained,
            # What the record tells of a place counts once: by the model, or by the spread.
            spread=self._prior_spread if learned else place_spread(district, terrain, self.basins),
            rain_error=district.rain_error,
            learned=learned,
            timezone=district.settings.district.timezone,
            explain_from=int(Level.BLUE if len(hotspots) <= EXPLAINED_MOST else Level.RED),
        )

    def without_model(self) -> HotspotScorer:
        """Return a scorer that asks no learned model and knows no flood: what a model is learned from.

        A spread narrowed by the floods that are to be learned from, or left out to verify, would tell them beforehand.
        """
        plain = copy.copy(self)
        plain.whole = replace(self.whole, learned=None, spread=self._prior_spread)
        return plain

    @property
    def _prior_spread(self) -> PlaceSpread:
        return PlaceSpread.prior((self.terrain.features["geometry_source"] == "surveyed").to_numpy(np.bool_))

    def settle_now(
        self, table: RiskTable, *, before: pd.DataFrame | None = None, observed: pd.DataFrame | None = None
    ) -> RiskTable:
        """Put together what is known of now at every hotspot; see `risk_models.risk.now`.

        Parameters
        ----------
        table : RiskTable
            Of this scorer.
        before : DataFrame, optional
            What the cycle before left (`risk_models.risk.now.NOW_COLUMNS`).
        observed : DataFrame, optional
            What was seen, as `risk_models.observation.observed_now` gives it.

        Returns
        -------
        RiskTable
        """
        whole = self.whole
        return settle_now(
            table,
            before=before,
            observed=observed,
            thresholds_m=whole.thresholds_m,
            depth_of_impact_m=whole.depth_of_impact_m,
            matrix=whole.matrix,
        )

    def model_summary(self, table: RiskTable) -> tuple[str, str]:
        """Say whether a learned model stands behind the chances of a risk table, or why the one named does not.

        Parameters
        ----------
        table : RiskTable
            Of this scorer.

        Returns
        -------
        str, str
            A sentence in Chinese and in English; both empty where the district names no model.
        """
        learned = self.whole.learned
        if learned is None:
            return refused_model_summary(self.model_refused)
        change = table["matrix_level"].to_numpy() - without_record(table)["matrix_level"].to_numpy()
        return learned.summary(raised=int((change > 0).sum()), lowered=int((change < 0).sum()))

    @cached_property
    def contour(self) -> ContourExposure | None:
        """What stands in the water at any depth; None without layers of the risk census."""
        census = {"population_day", "population_night"} & set(self.district.rasters)
        if not census and self.district.buildings is None:
            return None
        return ContourExposure(self.district, self.terrain, **self._kept_in)

    def score(
        self,
        rainfall: RainSource,
        *,
        event_key: str = "",
        soil_water_mm: pd.Series | None = None,
        outages: pd.DataFrame | None = None,
        block_hotspots: int = BLOCK_HOTSPOTS,
        threads: int = 1,
        client: Client | None = None,
    ) -> RiskTable:
        """Score one cycle.

        Parameters
        ----------
        rainfall : Dataset, or callable
            See `risk_models.forecast.rainfall`; of the district's hotspots. Its arrays may be lazy (Dask); a callable
            is asked for the rain of each block by the ids of its hotspots.
        event_key : str
            Carried in the attributes.
        soil_water_mm : Series, optional
            Soil water index of each hotspot (index hotspot_id) before the first step of the rain, mm. Default: the
            variable ``soil_water_start_mm(hotspot)`` of the rain if there is one, else dry soil.
        outages : DataFrame, optional
            Drains and pumps out of order, in the shape of `District.outages`. Default: those of the district.
        block_hotspots : int
            Hotspots scored at once, at least; whole components of the spill network stay together.
        threads : int
            Threads of the ponding model.
        client : distributed.Client, optional
            Where to score the blocks; default here, one after another. A callable must then be one that pickles.

        Returns
        -------
        RiskTable
            See `risk_models.risk.table`. Where recent rain is unknown the level is what the known part gives if that
            is a warning (it can only be higher), and UNKNOWN otherwise.

        Raises
        ------
        BadInputError
            If `rainfall` breaks its contract.
        ValueError
            If rain or outages are for other hotspots, or blocks of rain are of different cycles.
        """
        ids = list(self.district.hotspots.index)
        if outages is None:
            outages = self.district.outages
        elif not outages["hotspot_id"].isin(ids).all():
            raise ValueError("outages name hotspots that the district's register does not know")
        if not callable(rainfall):
            if not {"member", "time", "hotspot"} <= set(rainfall.sizes):
                validate_rainfall(rainfall)
            if list(rainfall["hotspot"].values) != ids:
                raise ValueError("rainfall is for other hotspots, or in another order, than the district's register")
        blocks = list(self._blocks(block_hotspots))
        tasks = (self._task(rows, rainfall, soil_water_mm, outages, threads) for rows in blocks)
        if client is None:
            results = [task() for task in tasks]
        else:
            results = client.gather([client.submit(_run_task, task, pure=False) for task in tasks])  # type: ignore[no-untyped-call]
        if any(attrs["valid_at"] != results[0][1]["valid_at"] for _, attrs in results):
            raise ValueError("blocks of rain are of different cycles")
        return self._table([frame for frame, _ in results], blocks, results[0][1], event_key)

    def _blocks(self, size: int) -> Iterator[npt.NDArray[np.intp]]:
        """Yield rows of blocks: whole components, in the order of the register as far as that allows."""
        order, starts = self.basins.march_order
        if len(order) <= size:
            yield np.arange(len(order))
            return
        least = np.minimum.reduceat(order, starts[:-1])
        rows: list[npt.NDArray[np.intp]] = []
        for component in np.argsort(least, kind="stable"):
            rows.append(order[starts[component] : starts[component + 1]])
            if sum(map(len, rows)) >= size:
                yield np.sort(np.concatenate(rows))
                rows = []
        if rows:
            yield np.sort(np.concatenate(rows))

    def _task(
        self, rows: npt.NDArray[np.intp], rainfall: RainSource, soil_water_mm: pd.Series | None,
        outages: pd.DataFrame | None, threads: int,
    ) -> _Task:  # fmt: skip
        whole = len(rows) == len(self.basins)
        scorer = self.whole if whole else self.whole.take(rows)
        index = scorer.hotspots.index
        return _Task(
            scorer,
            rainfall if callable(rainfall) or whole else rainfall.isel(hotspot=rows),
            None if soil_water_mm is None else soil_water_mm.reindex(index).to_numpy(np.float64),
            None if outages is None else outages[outages["hotspot_id"].isin(index)],
            threads,
        )

    def _table(
        self, frames: list[pd.DataFrame], blocks: list[npt.NDArray[np.intp]], attrs: dict[str, Any], event_key: str
    ) -> RiskTable:
        hotspots = self.district.hotspots
        frame = frames[0]
        if len(frames) > 1:
            frame = pd.concat(frames).iloc[np.argsort(np.concatenate(blocks))]
        self._add_exposure(frame, pd.Timestamp(attrs["valid_at"]))
        frame["place"] = places_in_order(frame)
        table = gpd.GeoDataFrame(frame, geometry=hotspots.geometry.to_numpy(), crs=hotspots.crs)
        table.index.name = "hotspot_id"
        table.attrs = {
            **attrs,
            "event_key": event_key,
            "district_code": self.district.settings.district.code,
            "demonstration": bool(self.district.settings.district.demonstration),
            "method_version": METHOD_VERSION,
            "matrix_id": self.matrix_id,
            "criteria_id": self.criteria_id,
            "town_criteria": self.town_rules,
            "formula_id": self.formula.formula_id,
            "horizon_h": self.horizon_h,
        }
        if self.whole.learned is not None:
            table.attrs["model_sha256"] = self.whole.learned.sha256
            table[["reason_zh", "reason_en"]] = tell_record(table)
        return table

    def _add_exposure(self, frame: pd.DataFrame, valid_at: pd.Timestamp) -> None:
        """Fill in what stands in the water of the 90 % depth, and all counts as JSON."""
        if self.contour is None:
            frame["exposure"] = self._counts_within_reach
            return
        time = "day" if is_day(valid_at, self.district.settings.district.timezone) else "night"
        wet = self.contour.at(frame["depth_p90_m"].to_numpy(np.float64))
        frame["people_in_water"] = wet[f"people_in_water_{time}"].to_numpy(np.float64)
        frame["buildings_in_water"] = wet["buildings_in_water"].to_numpy(np.float64)
        frame["exposure"] = _as_json(self.exposure.join(wet))

    @cached_property
    def _counts_within_reach(self) -> list[str]:
        """Counts as JSON where the water has no part in them: the same in all cycles."""
        return _as_json(self.exposure)


def _as_json(counts: pd.DataFrame) -> list[str]:
    return [exposure_json({str(name): value for name, value in row.items()}) for row in counts.to_dict("records")]


def score(
    district: District,
    rainfall: RainSource,
    *,
    terrain: HotspotTerrain | None = None,
    standards: Standards | None = None,
    cache_dir: Path | None = None,
) -> RiskTable:
    """Score the hotspots of a district once; see `HotspotScorer` for many cycles.

    Parameters
    ----------
    district : District
    rainfall : Dataset, or callable
        As `HotspotScorer.score` takes it, e.g. of `risk_models.uniform_rain`.
    terrain : HotspotTerrain, optional
        Default: derived from the district's rasters with the land-cover table that its settings name.
    standards : Standards, optional
        Default: the bundled ones.
    cache_dir : Path, optional
        Folder in which what the district alone determines is kept; see `risk_models.kept`. Default: nothing is kept.

    Returns
    -------
    RiskTable
        See `risk_models.risk.table`.

    Raises
    ------
    BadInputError
        If rain or rasters cannot be used.
    ValueError
        If rain or terrain are of other hotspots.
    """
    standards = standards or load_standards()
    if terrain is None:
        land_cover = standards.land_cover(district.settings.standards.land_cover)
        terrain = hotspot_terrain(district, land_cover_table=land_cover, cache_dir=cache_dir)
    return HotspotScorer(district, terrain, standards, cache_dir=cache_dir).score(rainfall)
