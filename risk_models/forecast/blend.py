"""Observed rain and forecast rain made one: the Rainfall dataset of a cycle.

Steps up to `valid_at` are kriged from the gauges; later steps are sampled from the ensemble, the first mixed with a
nowcast: of the radar where there is one, else the persistence of the rain now falling. The share of the nowcast falls
from step to step to nothing, so the seam has no jump. A dry gauge is no nowcast: persistence adds rain, and takes away
only of a member that told more than fell in the last hour. The ensemble is first brought nearer to what the gauges have
measured since it was issued. Where observations are late or lost, a ladder says what stands in their place; whatever
stands in is marked, and what nobody knows stays NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from risk_models.arithmetic import settled
from risk_models.forecast.accumulate import hour_sums_mm
from risk_models.forecast.harmonise import in_steps, rain_at_points
from risk_models.forecast.interpolate import OrdinaryKriging
from risk_models.forecast.merge import GaugeMerge
from risk_models.forecast.rainfall import (
    Origin,
    Provenance,
    Quality,
    build_rainfall,
    from_datetime64,
    to_datetime64,
)
from risk_models.forecast.variogram_fit import DEFAULT_PRIOR, VariogramPrior, fit_variogram

__all__ = ["BlendOptions", "Pattern", "blend_rainfall", "forecast_bias", "step_ends"]

FloatArray = NDArray[np.float64]
PERSIST_LATE_H = 2  # last valid intensity goes on
FORECAST_LATE_H = 6  # the forecast fills the gap
NOWCAST_DECAY = 0.8  # of persistence, per hour


@dataclass(frozen=True, kw_only=True)
class BlendOptions:
    """How the hours ahead are put together; chosen here, to be tuned on local data.

    Attributes
    ----------
    persistence_weights : tuple of float
        Share of the persistence of the rain now falling at +1 h, +2 h ...; the rest is the forecast.
    radar_weights : tuple of float
        The same for a nowcast from radar.
    bias_limits : tuple of float
        Least and largest factor on the forecast; (1, 1) leaves it as it is. The lower limit is the nearer one: rain
        that has not come yet may only be late, and a warning lost costs more than one too many. Below 1 the factor is
        that of a member's own hours: one whose rain is still to come is contradicted by nothing.
    bias_window_h : int
        Hours before the cycle that are compared, as far as the forecast covers them.
    bias_half_life_h : float
        Lead time [h] at which half of the correction is left.
    bias_prior_mm : float
        Rain [mm] added to both sides, which draws the factor to 1 where little has fallen.
    variogram_prior : VariogramPrior
        Of the gauges' variogram; that of the last storm (`VariogramFit.next_prior`) where there is one.
    """

    persistence_weights: tuple[float, ...] = (0.6, 0.35, 0.15)
    radar_weights: tuple[float, ...] = (0.85, 0.6, 0.35, 0.15)
    bias_limits: tuple[float, float] = (0.8, 2.0)
    bias_window_h: int = 6
    bias_half_life_h: float = 6.0
    bias_prior_mm: float = 5.0
    variogram_prior: VariogramPrior = DEFAULT_PRIOR


@dataclass(frozen=True)
class Pattern:
    """Maps of observed rain on the past steps; NaN is unknown.

    Attributes
    ----------
    at_hotspots_mm : ndarray, shape (past step, hotspot)
    at_gauges_mm : ndarray, shape (past step, gauge)
    """

    at_hotspots_mm: FloatArray
    at_gauges_mm: FloatArray


@dataclass(frozen=True)
class _Observed:
    """Kriged rain of the past steps, before anything is filled: arrays (time, hotspot)."""

    rain_mm: FloatArray
    std_mm: FloatArray
    quality: NDArray[np.int8]
    counts: NDArray[np.intp]
    gauges_expected: int
    per_hour: int
    merged_steps: int = 0

    @property
    def newest(self) -> int:
        """Index of the last step with any gauge value; -1 if there is none."""
        known = np.flatnonzero(self.counts)
        return int(known[-1]) if len(known) else -1

    @property
    def late_h(self) -> float:
        """Hours from that step to the cycle time."""
        return (len(self.counts) - 1 - self.newest) / self.per_hour

    @property
    def latest_mm(self) -> FloatArray:
        """Mean rain of a step (hotspot,) over the last hour with any: ten minutes alone tell little of the next."""
        last_hour = np.arange(max(self.newest + 1 - self.per_hour, 0), self.newest + 1)
        return np.asarray(self.rain_mm[last_hour[self.counts[last_hour] > 0]].mean(axis=0))


def blend_rainfall(
    observed: xr.Dataset,
    forecast: xr.Dataset | None,
    *,
    hotspots: gpd.GeoDataFrame,
    gauges: gpd.GeoDataFrame,
    valid_at: datetime,
    past_h: int = 72,
    lead_h: int = 72,
    step_min: int = 60,
    nowcast_mm: ArrayLike | None = None,
    background_mm: ArrayLike | None = None,
    pattern: Pattern | None = None,
    options: BlendOptions | None = None,
) -> xr.Dataset:
    """Blend gauge rain and a forecast into the Rainfall dataset of a cycle.

    Parameters
    ----------
    observed : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm] and ``quality(time, gauge)`` in steps of `step_min` (see `harmonise.to_steps`);
        values failed or missing (4, 9) take no part.
    forecast : xarray.Dataset or None
        Any field that `harmonise.rain_at_points` takes, with attribute ``issued_at``: the issue to stand on (see
        `harmonise.choose_forecast`). Longer steps are spread evenly; without ``member`` it is one member.
    hotspots, gauges : GeoDataFrame
        Points, indexed by id, in the same projected CRS [m]; `hotspots` with columns lon, lat (WGS84).
    valid_at : datetime
        Time of the cycle, aware; taken down to a whole step.
    past_h, lead_h : int
        Time before and after [h].
    step_min : int
        Length of the steps [min], a divisor of 60.
    nowcast_mm : array_like, shape (step, hotspot), optional
        Rain [mm] of the first steps after the cycle time, from radar (see `nowcast.nowcast_at_points`); NaN is unknown.
    background_mm : array_like, shape (past step, hotspot), optional
        Rain [mm] of the past by a second source (satellite, another model); it fills steps without any gauge
        before the forecast does.
    pattern : Pattern, optional
        Maps of observed rain whose pattern is used between the gauges (see `merge`).
    options : BlendOptions, optional

    Returns
    -------
    xarray.Dataset
        Rainfall (see `rainfall`), members as in the forecast (one without a forecast). Attributes: ``bias_factor`` (on
        the first hour of the forecast, mean of the members), ``nowcast_method`` (radar, persistence or none),
        ``gap_source`` (background, forecast, persistence, joined by "+", or none: what stands in for lost gauges),
        ``merged_h`` (hours in which a pattern was merged with the gauges), ``forecast_members`` and
        ``forecast_step_h`` (longest step that was spread). By lateness of the newest gauge value the ladder step is 1
        or 2 (fresh), 3 (up to 2 h late: the mean intensity of the last hour persists), 4 (up to 6 h: background or
        forecast fills, not below persistence in the first 2 h), 5 (later: NaN) or 6 (no value at all: NaN).

    Raises
    ------
    ValueError
        If the observed steps do not end on whole steps, `valid_at` has no time zone, the forecast was issued after it,
        or the background has another shape.

    Examples
    --------
    >>> from datetime import UTC
    >>> points = gpd.GeoDataFrame({"lon": [113.6], "lat": [34.7]}, index=["EQ-001"],
    ...     geometry=gpd.points_from_xy([0.0], [0.0]))
    >>> end = np.array(["2021-07-20T08", "2021-07-20T09"], "datetime64[ns]")
    >>> observed = xr.Dataset({"rain_mm": (("time", "gauge"), [[60.0], [201.9]]),
    ...     "quality": (("time", "gauge"), [[1], [1]])}, {"time": end, "gauge": ["57083"]})
    >>> rain = blend_rainfall(observed, None, hotspots=points, gauges=points.set_axis(["57083"]),
    ...     valid_at=datetime(2021, 7, 20, 9, tzinfo=UTC), past_h=2, lead_h=4)
    >>> rain.rain_mm.to_numpy().ravel().astype(float).round(1).tolist(), rain.origin.to_numpy().tolist()
    ([60.0, 201.9, 161.5, 129.2, 103.4, nan], [0, 0, 1, 1, 1, 2])
    """
    options = options or BlendOptions()
    issued_at = None if forecast is None else datetime.fromisoformat(forecast.attrs["issued_at"])
    if issued_at is not None and issued_at > valid_at:
        raise ValueError(f"forecast issued at {issued_at.isoformat()}, after valid_at {valid_at.isoformat()}")
    if not 1 <= step_min <= 60 or 60 % step_min:
        raise ValueError(f"step of {step_min} min; accepted: a divisor of 60")
    per_hour = 60 // step_min
    n_past = past_h * per_hour
    end = step_ends(valid_at, step_min, past_h=past_h, lead_h=lead_h)
    past = _krige(observed, hotspots, gauges, end[:n_past], pattern, per_hour, options.variogram_prior)
    expected, spread_h = _sample(forecast, hotspots, end, step_min)
    second = _second(background_mm, past)
    rain = np.empty((expected.shape[0], len(end), len(hotspots)))
    stand_in = np.where(np.isfinite(second), second, expected[:, :n_past])
    rain[:, :n_past], origin_past, quality_past, ladder = _fill_past(past, stand_in)
    bias = _member_bias(past.rain_mm, expected[:, :n_past], per_hour, options)
    ahead = expected[:, n_past:] * _fading(bias, lead_h, per_hour, options)[:, :, np.newaxis]
    last_hour = slice(max(n_past - per_hour, 0), n_past)
    now_mm = rain[:, last_hour].mean(axis=1) if ladder <= 3 and past_h else None
    # What stands in for late gauges contradicts no forecast.
    told_mm = expected[:, last_hour].mean(axis=1) if ladder <= 2 and past_h else None
    rain[:, n_past:], origin_lead, method = _lead(ahead, _Nowcast(now_mm, told_mm, nowcast_mm), per_hour, options)
    quality_lead = np.where(np.isnan(rain[:, n_past:]).any(axis=0), Quality.MISSING, Quality.NOT_EVALUATED)
    provenance = Provenance(
        valid_at=valid_at,
        issued_at=issued_at,
        gauges_used=int(past.counts[past.newest]) if past.newest >= 0 else 0,
        gauges_expected=past.gauges_expected,
        ladder_step=ladder,
        observed_until=from_datetime64(end[past.newest]) if past.newest >= 0 else None,
    )
    rainfall = build_rainfall(
        rain,
        time=end,
        hotspot=[str(name) for name in hotspots.index],
        origin=np.concatenate([origin_past, origin_lead]),
        quality=np.concatenate([quality_past, quality_lead]),
        rain_std_mm=np.concatenate([past.std_mm, np.full(quality_lead.shape, np.nan)]),
        provenance=provenance,
    )
    filled = origin_past == Origin.FALLBACK
    return rainfall.assign_attrs(
        bias_factor=round(float(bias.mean()), 3),
        nowcast_method=method,
        merged_h=-(-past.merged_steps // per_hour),
        gap_source=_gap_source(filled, past, second, expected[:, :n_past]),
        forecast_members=0 if forecast is None else expected.shape[0],
        forecast_step_h=float(spread_h[n_past:].max(initial=1.0)),
    )


def step_ends(valid_at: datetime, step_min: int, *, past_h: int, lead_h: int = 0) -> NDArray[np.datetime64]:
    """Return the END of each step of a cycle, UTC, from `past_h` before the cycle time to `lead_h` after it.

    Parameters
    ----------
    valid_at : datetime
        Cycle time, aware; taken down to a whole step, counted from the full hour.
    step_min : int
        Length of the steps [min], a divisor of 60.
    past_h, lead_h : int
        Time before and after [h].

    Examples
    --------
    >>> at = datetime.fromisoformat("2021-07-20T09:25+00:00")
    >>> step_ends(at, 30, past_h=1).astype("datetime64[m]").tolist()[-1].isoformat()
    '2021-07-20T09:00:00'
    """
    when, step = to_datetime64(valid_at), np.timedelta64(step_min, "m").astype("timedelta64[ns]")
    now = when - (when - when.astype("datetime64[h]")) % step
    per_hour = 60 // step_min
    ends: NDArray[np.datetime64] = now + np.arange(1 - past_h * per_hour, lead_h * per_hour + 1) * step
    return ends


def forecast_bias(observed_mm: ArrayLike, expected_mm: ArrayLike, *, options: BlendOptions | None = None) -> float:
    """Return the factor that brings a forecast nearer to what the gauges have measured since it was issued.

    factor = (O + prior) / (E + prior), with O and E the observed and the expected rain of the last hours, each the mean
    over the hotspots; within limits; 1 with fewer than three hours to compare. Own rule, not from the literature.

    Parameters
    ----------
    observed_mm : array_like, shape (time, hotspot)
        Rain [mm] up to the cycle time; NaN is unknown.
    expected_mm : array_like, shape (time, hotspot)
        Mean of the members on the same steps [mm]; NaN before the forecast was issued.
    options : BlendOptions, optional

    Returns
    -------
    float

    Examples
    --------
    >>> forecast_bias([[10.0], [10], [10]], [[5.0], [5], [5]])
    1.75
    >>> forecast_bias([[90.0], [90], [90]], [[5.0], [5], [5]]), forecast_bias([[0.0]], [[9.0]])
    (2.0, 1.0)
    """
    options = options or BlendOptions()
    observed = np.asarray(observed_mm, dtype=np.float64)[-options.bias_window_h :]
    expected = np.asarray(expected_mm, dtype=np.float64)[-options.bias_window_h :]
    paired = np.isfinite(observed) & np.isfinite(expected)
    hours = paired.any(axis=1)
    if hours.sum() < 3:
        return 1.0
    share = np.maximum(paired[hours].sum(axis=1), 1)
    sums = [(np.where(paired, rain, 0.0)[hours].sum(axis=1) / share).sum() for rain in (observed, expected)]
    low, high = options.bias_limits
    return float(np.clip((sums[0] + options.bias_prior_mm) / (sums[1] + options.bias_prior_mm), low, high))


def _krige(
    observed: xr.Dataset,
    hotspots: gpd.GeoDataFrame,
    gauges: gpd.GeoDataFrame,
    end: NDArray[np.datetime64],
    pattern: Pattern | None,
    per_hour: int,
    prior: VariogramPrior,
) -> _Observed:
    names = [str(name) for name in gauges.index]
    # Gauges and steps that the feed does not have are missing, not dry.
    table = observed[["rain_mm", "quality"]].assign_coords(
        gauge=observed["gauge"].to_numpy().astype(str).astype(object)
    )
    own_h = ("time", np.full(observed.sizes["time"], 1.0 / per_hour))  # a table with gaps is one of whole steps still
    if not in_steps(table.assign_coords(interval_h=own_h), 60 // per_hour):
        raise ValueError(f"observed steps must end on multiples of {60 // per_hour} min after the full hour")
    fill = {"rain_mm": np.nan, "quality": int(Quality.MISSING)}
    table = table.reindex(time=end, gauge=np.asarray(names, dtype=object), fill_value=fill)
    flags = table["quality"].to_numpy()
    rain = np.where(np.isin(flags, (Quality.FAIL, Quality.MISSING)), np.nan, table["rain_mm"].to_numpy())
    # The counts of a short step are too coarse to tell how far rain is alike; those of its hours are not.
    found = fit_variogram(_xy(gauges), hour_sums_mm(rain, per_hour), prior=prior)
    model = OrdinaryKriging(range_m=found.range_m, nugget=found.nugget).fit(_xy(gauges), rain)
    targets = _xy(hotspots)
    rain_mm, std_mm = model.predict_with_std(targets)
    merged = 0
    if pattern is not None:
        range_m, nugget = (None, None) if per_hour == 1 else (found.range_m, found.nugget)
        fitted = GaugeMerge(range_m=range_m, nugget=nugget).fit(_xy(gauges), rain, pattern.at_gauges_mm)
        rain_mm, std_mm = fitted.predict_with_std(targets, pattern.at_hotspots_mm)
        merged = int((fitted.method_ == "residuals").sum())
    # The share of weight, settled, that doubtful or unchecked gauges have at a hotspot decides its mark.
    doubtful = settled(model.smooth(flags == Quality.SUSPECT, targets)) > 0.1
    unchecked = settled(model.smooth(flags == Quality.NOT_EVALUATED, targets)) > 0.5
    quality = np.where(doubtful, Quality.SUSPECT, np.where(unchecked, Quality.NOT_EVALUATED, Quality.GOOD))
    quality = np.where(np.isnan(rain_mm), Quality.MISSING, quality).astype(np.int8)
    return _Observed(rain_mm, std_mm, quality, np.isfinite(rain).sum(axis=1), len(names), per_hour, merged)


def _xy(points: gpd.GeoDataFrame) -> FloatArray:
    return np.column_stack([points.geometry.x.to_numpy(), points.geometry.y.to_numpy()])


def _sample(
    forecast: xr.Dataset | None, hotspots: gpd.GeoDataFrame, end: NDArray[np.datetime64], step_min: int
) -> tuple[FloatArray, FloatArray]:
    """Forecast rain at the hotspots on the steps of the cycle, NaN beyond its reach, and what they were cut from."""
    if forecast is None:
        return np.full((1, len(end), len(hotspots)), np.nan), np.ones(len(end))
    place = hotspots["lon"].to_numpy(), hotspots["lat"].to_numpy()
    return rain_at_points(forecast, *place, end=end, step_min=step_min)


def _second(background_mm: ArrayLike | None, past: _Observed) -> FloatArray:
    if background_mm is None:
        return np.full(past.rain_mm.shape, np.nan)
    background = np.asarray(background_mm, dtype=np.float64)
    if background.shape != past.rain_mm.shape:
        raise ValueError(f"background_mm has shape {background.shape}; accepted: {past.rain_mm.shape}")
    return background


def _gap_source(filled: NDArray[np.bool_], past: _Observed, second: FloatArray, expected: FloatArray) -> str:
    """Say what stands in for steps without any gauge."""
    persisted = past.newest + PERSIST_LATE_H * past.per_hour
    by_background = filled & np.isfinite(second).any(axis=1)
    by_forecast = filled & ~np.isfinite(second).all(axis=1) & np.isfinite(expected).any(axis=(0, 2))
    late = filled & (np.arange(len(filled)) > past.newest) & (np.arange(len(filled)) <= persisted)
    used = {"background": by_background, "forecast": by_forecast, "persistence": late}
    return "+".join(name for name, steps in used.items() if steps.any()) or "none"


def _fill_past(past: _Observed, expected: FloatArray) -> tuple[FloatArray, NDArray[np.int8], NDArray[np.int8], int]:
    """Fill what the ladder allows; return rain (member, time, hotspot), origin, quality, and the ladder step."""
    count = len(past.counts)
    ladder = _ladder_step(past)
    rain = np.repeat(past.rain_mm[np.newaxis], expected.shape[0], axis=0)
    fill = np.full_like(rain, np.nan)
    if ladder < 6:
        inner = past.counts[: past.newest] == 0
        fill[:, : past.newest][:, inner] = expected[:, : past.newest][:, inner]
    if ladder in (3, 4):
        tail = slice(past.newest + 1, count)
        persisted = slice(past.newest + 1, min(past.newest + 1 + PERSIST_LATE_H * past.per_hour, count))
        fill[:, tail] = expected[:, tail] if ladder == 4 else np.nan
        fill[:, persisted] = np.fmax(past.latest_mm, fill[:, persisted])
    gaps = past.counts == 0
    rain[:, gaps] = fill[:, gaps]
    filled = gaps & np.isfinite(rain).any(axis=(0, 2))
    origin = np.where(filled, Origin.FALLBACK, Origin.OBSERVED).astype(np.int8)
    known = np.isfinite(rain).all(axis=0)
    quality = np.where(filled[:, np.newaxis] & known, Quality.SUSPECT, past.quality).astype(np.int8)
    return rain, origin, np.where(known, quality, Quality.MISSING).astype(np.int8), ladder


def _ladder_step(past: _Observed) -> int:
    if past.newest < 0:
        return 6
    if past.late_h == 0:
        # Steps before the first value are before the record began; steps without any value after it are gaps.
        has_gap = bool((past.counts[np.flatnonzero(past.counts)[0] :] == 0).any())
        return 2 if has_gap or past.counts[past.newest] < past.gauges_expected else 1
    if past.late_h <= PERSIST_LATE_H:
        return 3
    return 4 if past.late_h <= FORECAST_LATE_H else 5


def _member_bias(observed_mm: FloatArray, expected: FloatArray, per_hour: int, options: BlendOptions) -> FloatArray:
    """Return the factor on each member (member,): that of their mean, but below 1 no lower than the member's own."""
    fallen = hour_sums_mm(observed_mm, per_hour)
    whole = forecast_bias(fallen, hour_sums_mm(expected.mean(axis=0), per_hour), options=options)
    if whole >= 1.0:
        return np.full(len(expected), whole)
    own = [forecast_bias(fallen, hour_sums_mm(member, per_hour), options=options) for member in expected]
    return np.maximum(whole, np.minimum(own, 1.0))


def _fading(bias: FloatArray, lead_h: int, per_hour: int, options: BlendOptions) -> FloatArray:
    """Return the factor (member, step) of each step ahead, that of its hour: whole at first, fading to 1."""
    ahead_h = np.arange(lead_h * per_hour) // per_hour
    return np.asarray(1.0 + np.multiply.outer(bias - 1.0, 0.5 ** (ahead_h / options.bias_half_life_h)))


@dataclass(frozen=True)
class _Nowcast:
    """What is known now of the next hours; None where nothing is.

    Attributes
    ----------
    now_mm : ndarray, shape (member, hotspot)
        Rain of a step of the last hour.
    told_mm : ndarray, shape (member, hotspot)
        What the forecast had said of it; NaN where it covers it not.
    radar_mm : array_like, shape (step, hotspot)
    """

    now_mm: FloatArray | None
    told_mm: FloatArray | None
    radar_mm: ArrayLike | None

    def radar(self, shape: tuple[int, int]) -> FloatArray:
        """Return the radar's rain (step, hotspot), NaN where it says nothing."""
        radar = np.full(shape, np.nan)
        if self.radar_mm is not None:
            given = np.asarray(self.radar_mm, dtype=np.float64)[: len(radar)]
            radar[: len(given)] = given
        return radar

    def persisted(self, expected: FloatArray, hour: int, options: BlendOptions) -> FloatArray:
        """Return the rain (member, hotspot) if what falls now goes on: never less than what nothing contradicts.

        The rain now falling, or the forecast less what it told too much of the last hour; both decay.
        """
        if self.now_mm is None or hour >= len(options.persistence_weights):
            return np.full_like(expected, np.nan)
        decay = NOWCAST_DECAY ** (hour + 1)
        too_much = np.zeros_like(expected)
        if self.told_mm is not None:
            too_much = np.nan_to_num(np.maximum(self.told_mm - self.now_mm, 0.0))
        going_on = np.fmax(self.now_mm * decay, expected - too_much * decay)
        return np.where(np.isnan(self.now_mm), np.nan, going_on)


def _lead(
    expected: FloatArray, now: _Nowcast, per_hour: int, options: BlendOptions
) -> tuple[FloatArray, NDArray[np.int8], str]:
    """Rain after the cycle time: the forecast with the nowcast mixed in; the origin of each step; what was mixed in."""
    rain = expected.copy()
    origin = np.full(expected.shape[1], Origin.FORECAST, dtype=np.int8)
    radar = now.radar((expected.shape[1], expected.shape[2]))
    used = set()
    mixed_h = max(len(options.persistence_weights), len(options.radar_weights))
    for step in range(min(expected.shape[1], mixed_h * per_hour)):
        hour = step // per_hour
        # Hotspots the radar does not know take the persistence of their own rain.
        seen = np.isfinite(radar[step])
        persisted = now.persisted(expected[:, step], hour, options)
        weight = np.where(seen, _weight(options.radar_weights, hour), _weight(options.persistence_weights, hour))
        nowcast = np.where(seen & (weight > 0), radar[step], persisted)
        mixed = weight * nowcast + (1.0 - weight) * expected[:, step]
        rain[:, step] = np.where(np.isnan(mixed), np.fmax(nowcast, expected[:, step]), mixed)
        if np.isfinite(nowcast).any():
            origin[step] = Origin.NOWCAST
            used.add("radar" if (seen & (weight > 0)).any() else "persistence")
    return rain, origin, "radar" if "radar" in used else "persistence" if used else "none"


def _weight(weights: tuple[float, ...], hour: int) -> float:
    return weights[hour] if hour < len(weights) else 0.0
