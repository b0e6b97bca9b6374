"""The learned chance in place of the raw share: from a district's model file to the chance of any depth.

The share of simulated outcomes that pass a depth is no chance until it has been held against floods. A model that was
learned from the district's own record, and whose chances came true on storms it had not seen, stands in its place
(`chance_of_depths`). Its file says how it did; without that, or learned for another register or horizon, it is refused,
and the shares stand. Where more rain is expected than the record holds, the greater of both counts.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from risk_models.district import District
from risk_models.district.schema import nearest
from risk_models.errors import BadInputError, Finding
from risk_models.terrain import HotspotTerrain

if TYPE_CHECKING:
    from risk_models.risk.susceptibility.verified import Verification

__all__ = [
    "RAIN_FEATURES",
    "SEASON_FEATURES",
    "SHARE_FEATURES",
    "LearnedOpinion",
    "chance_of_depths",
    "place_features",
    "refused_model_summary",
    "refused_record_summary",
    "season_features",
]

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

#: Rain that a model may ask for, under its name in the risk table.
RAIN_FEATURES = (
    *(f"obs_{hours}h_mm" for hours in (1, 3, 6, 12, 24, 72)),
    *(f"fc_{hours}h_mm_p50" for hours in (1, 3, 6, 12, 24)),
    "fc_1h_mm_p90",
    "fc_3h_mm_p90",
)
#: Shares of the outcomes of the chain that pass the depth classes, under their names in the risk table.
SHARE_FEATURES = ("p_5cm", "p_15cm", "p_27cm", "p_50cm", "p_lethal")
SEASON_FEATURES = ("season_sin", "season_cos")
#: A hotspot of the same id farther away than this is another place, degrees (about 200 m).
SAME_PLACE_DEG = 0.002
#: A model of which fewer than this share of hotspots stand in the register is of another one.
LEAST_SHARED = 0.5
#: Chances are cut to this before their log-odds are taken.
_SUREST = 1e-6


def place_features(district: District, terrain: HotspotTerrain) -> pd.DataFrame:
    """Return all that is known of the places themselves, under the names a model may ask for.

    Parameters
    ----------
    district : District
    terrain : HotspotTerrain

    Returns
    -------
    DataFrame
        Indexed by hotspot_id: numeric columns of the register and of the terrain, and ``is_<kind>``; float, NaN empty.
        ``hotspot_id`` and ``kind`` are text.
    """
    register = pd.DataFrame(district.hotspots.drop(columns=["geometry", "synthetic"])).select_dtypes("number")
    kinds = pd.get_dummies(district.hotspots["kind"], prefix="is")
    ground = terrain.features.select_dtypes(["number", "bool"])
    numbers = register.join(ground).join(kinds).astype("float64")
    ids = district.hotspots.index.astype(str)
    return numbers.assign(hotspot_id=ids, kind=district.hotspots["kind"].astype(str).to_numpy())


def season_features(valid_at: pd.Timestamp, timezone: str) -> dict[str, float]:
    """Return the time of the year as sine and cosine of its angle, from 0 at New Year, local time.

    Examples
    --------
    >>> {name: round(value, 2) for name, value in season_features(pd.Timestamp("2021-01-01T04Z"), "UTC").items()}
    {'season_sin': 0.0, 'season_cos': 1.0}
    """
    angle = 2.0 * np.pi * (valid_at.tz_convert(timezone).day_of_year - 1) / 365.25
    return dict(zip(SEASON_FEATURES, (float(np.sin(angle)), float(np.cos(angle))), strict=True))


def chance_of_depths(
    depth_m: Floats, share: Floats, learned: Floats, *, learned_depth_m: Sequence[float], beyond: Truths
) -> Floats:
    """Put the learned chance in place of the share of outcomes, depth by depth.

    At a depth learned, and between two (log-odds linear in depth), the learned chance stands. Below the first the
    greater of its chance and the share: shallower water is at least as likely. Above the last the lesser: deeper water
    is at most as likely. Where the rain expected is `beyond` the record, the greater of share and all this.

    Parameters
    ----------
    depth_m : ndarray (H, D)
        Ascending along the last axis; infinite: never.
    share : ndarray (H, D)
        Share of outcomes that pass each.
    learned : ndarray (H, K)
        Learned chance of each depth learned; NaN: nothing to say, the shares stand.
    learned_depth_m : sequence of K floats
        Ascending.
    beyond : ndarray of bool (H,)

    Returns
    -------
    ndarray (H, D)
        Non-increasing along the last axis; it never falls when a share or a learned chance rises.

    Examples
    --------
    >>> share, depths = np.array([[0.5, 0.4, 0.3]]), np.array([[0.05, 0.15, 1.0]])
    >>> asked = {"learned": np.array([[0.2, 0.02]]), "learned_depth_m": (0.05, 0.25)}
    >>> chance_of_depths(depths, share, **asked, beyond=np.array([False])).round(3).tolist()
    [[0.2, 0.067, 0.02]]
    >>> chance_of_depths(depths, share, **asked, beyond=np.array([True])).tolist()
    [[0.5, 0.4, 0.3]]
    """
    known = np.asarray(learned_depth_m, dtype=np.float64)
    place = np.searchsorted(known, depth_m)
    upper, lower = np.minimum(place, len(known) - 1), np.maximum(place - 1, 0)
    gap = np.where(upper > lower, known[upper] - known[lower], 1.0)
    weight = np.clip((np.where(np.isfinite(depth_m), depth_m, known[-1]) - known[lower]) / gap, 0.0, 1.0)
    odds = logit(np.clip(learned, _SUREST, 1.0 - _SUREST))
    low, high = (np.take_along_axis(odds, rows, axis=1) for rows in (lower, upper))
    told = expit(low + np.where(upper > lower, weight, 0.0) * (high - low))
    told = np.where(depth_m < known[0], np.maximum(told, share), told)
    told = np.where(depth_m > known[-1], np.minimum(told, share), told)
    told = np.where(beyond[:, None], np.maximum(told, share), told)
    silent = np.isnan(learned).any(axis=1, keepdims=True)
    return np.where(silent, share, told)


class LearnedOpinion:
    """The model of a district, ready to be asked every cycle.

    Parameters
    ----------
    district : District
        With `settings.model`.
    terrain : HotspotTerrain
        Of the same hotspots.

    Attributes
    ----------
    sha256 : str
    file : str
        As the settings name it.
    verification : Verification

    Raises
    ------
    BadInputError
        If the file is no model, or none that was verified for this register, horizon and version, or asks for a column
        that is not known here.
    """

    def __init__(self, district: District, terrain: HotspotTerrain) -> None:
        # here, because few districts have a model
        from risk_models.risk.susceptibility.chance import HotspotFloodChance
        from risk_models.risk.susceptibility.persist import load_model, read_verification

        named, path = district.settings.model, district.model_path
        if named is None or path is None:
            raise ValueError("the district names no model")
        self.sha256, self.timezone = named.sha256, district.settings.district.timezone
        self.file, self.is_demonstration = named.path, bool(district.settings.district.demonstration)
        self.verification: Verification = read_verification(path)
        self.model = load_model(path, sha256=named.sha256)
        self.tells_depths = isinstance(self.model, HotspotFloodChance)
        self.places = place_features(district, terrain)
        self.columns = [str(name) for name in getattr(self.model, "feature_names_in_", ())]
        if not self.tells_depths and self.model.group and self.columns:
            self.columns.append(str(self.model.group))
        findings = [*_of_record(self.verification, district, named.path), *self._of_columns(named.path)]
        if findings := findings or self._of_answer(named.path):
            raise BadInputError("model", findings)
        is_here = _same_places(self.verification, district)
        # A hotspot that was put elsewhere has no record there.
        self.places["hotspot_id"] = self.places["hotspot_id"].where(is_here, "")

    @classmethod
    def of(cls, district: District, terrain: HotspotTerrain) -> tuple[LearnedOpinion | None, tuple[Finding, ...]]:
        """Return the opinion of a district's model, and why it is refused; None where it names none, or a bad one."""
        if district.settings.model is None or district.model_path is None:
            return None, district.model_refused
        try:
            return cls(district, terrain), ()
        except BadInputError as error:
            return None, tuple(error.findings)

    def summary(self, *, raised: int, lowered: int) -> tuple[str, str]:
        """Say that a learned model stands behind the chances, on what, how good, and what it changed.

        Parameters
        ----------
        raised, lowered : int
            Hotspots whose level it raised and lowered.

        Returns
        -------
        str, str
            A sentence in Chinese and in English.
        """
        found = self.verification
        interval = f"{found.brier_skill_low:.2f}", f"{found.brier_skill_high:.2f}"
        made_up = ("（演示数据）", " (demonstration data)") if self.is_demonstration else ("", "")
        return (
            f"概率由学习模型{self.file}给出：依据截至{found.until[:10]}的{found.n_flood_storms}场过程、{found.n_floods}次"
            f"积水记录{made_up[0]}，对未参与学习的过程Brier技巧{found.brier_skill:.2f}（90%区间{'至'.join(interval)}）；"
            f"与仅用模拟相比，{raised}处风险矩阵等级升高、{lowered}处降低。",
            f"Chances are those of the learned model {self.file}: {found.n_floods} floods in {found.n_flood_storms} "
            f"storms on record until {found.until[:10]}{made_up[1]}, Brier skill on storms left out "
            f"{found.brier_skill:.2f} (90 % interval {' to '.join(interval)}); beside simulation alone the level "
            f"of the matrix of {raised} hotspots is higher and that of {lowered} lower.",
        )

    def take(self, rows: npt.NDArray[np.intp]) -> LearnedOpinion:
        """Return the same for some hotspots only."""
        part = copy.copy(self)
        part.places = self.places.iloc[rows]
        return part

    def chance(
        self, rain: Mapping[str, Floats], shares: Mapping[str, Floats], *, valid_at: pd.Timestamp, unknown: Truths
    ) -> tuple[Floats, Truths]:
        """Return the learned chance of each depth within the horizon, and where the record holds no such rain.

        Parameters
        ----------
        rain : mapping of str to ndarray (H,)
            `RAIN_FEATURES`, in the order of the register.
        shares : mapping of str to ndarray (H,)
            `SHARE_FEATURES`.
        valid_at : Timestamp
            Begin of the window, with a time zone.
        unknown : ndarray of bool (H,)
            Where rain is unknown.

        Returns
        -------
        chance : ndarray (H, K)
            NaN where rain is unknown.
        beyond : ndarray of bool (H,)
        """
        given = {name: rain[name] for name in RAIN_FEATURES} | {name: shares[name] for name in SHARE_FEATURES}
        chance = self._ask(self.places.assign(**given, **season_features(valid_at, self.timezone)))
        more = [rain[name] > most for name, most in self.verification.greatest_mm.items()]
        beyond = np.logical_or.reduce(more) if more else np.zeros(len(chance), dtype=bool)
        return np.where(unknown[:, None], np.nan, chance), beyond

    def _ask(self, table: pd.DataFrame) -> Floats:
        asked = table[self.columns]
        return self.model.exceedance(asked) if self.tells_depths else self.model.predict_proba(asked)[:, 1:]

    def _of_answer(self, path: str) -> list[Finding]:
        """Ask once in dry weather, before a cycle has to: what breaks or makes no sense then is no model."""
        dry = dict.fromkeys((*RAIN_FEATURES, *SHARE_FEATURES, *SEASON_FEATURES), 0.0)
        try:
            if set(self.verification.greatest_mm) - set(RAIN_FEATURES):
                raise ValueError(f"its largest rain is of {', '.join(self.verification.greatest_mm)}")
            chance, depths = self._ask(self.places.assign(**dry)), self.verification.depths_m
            if chance.shape != (len(self.places), len(depths)) or list(depths) != sorted(set(depths)):
                raise ValueError(f"{chance.shape[1]} chances a hotspot for the depths {depths}")
            if not ((chance >= 0.0) & (chance <= 1.0) & (np.diff(chance, axis=1, prepend=1.0) <= 1e-9)).all():
                raise ValueError("its chances are no chances")
        except Exception as error:
            # Whatever a file holds, it stops no cycle.
            message, accepted = f"the model cannot be asked: {error}", "a chance of each depth at every hotspot"
            return [Finding(code="no-answer", message=message, file=path, accepted=accepted, fix=_LEARN)]
        return []

    def _of_columns(self, path: str) -> list[Finding]:
        known = {*self.places.columns, *RAIN_FEATURES, *SHARE_FEATURES, *SEASON_FEATURES}
        missing = [name for name in self.columns if name not in known]
        if self.columns and not missing:
            return []
        message = f"the model asks for the column {missing[0]}" if missing else "the model does not name its columns"
        hint = nearest(missing[0], known) if missing else None
        return [
            Finding(
                code="unknown-feature",
                message=message + (f"; nearest: {hint}" if hint else ""),
                file=path,
                value=missing[0] if missing else None,
                accepted=", ".join(sorted(known)),
                fix="learn it from columns of the risk table, the register and the terrain",
            )
        ]


def _same_places(record: Verification, district: District) -> Truths:
    """Return which hotspots (H,) stand where the model learned of them."""
    unknown = (np.nan, np.nan)
    there = np.array([record.places.get(str(name), unknown) for name in district.hotspots.index]).reshape(-1, 2)
    here = district.hotspots[["lon", "lat"]].to_numpy(np.float64)
    return np.asarray(np.abs(there - here).max(axis=1) <= SAME_PLACE_DEG)


def _of_record(record: Verification, district: District, path: str) -> list[Finding]:
    """Return why a model may not be asked here."""
    settings = district.settings
    code, horizon_h = settings.district.code, settings.warning.horizon_h
    shared = int(_same_places(record, district).sum())
    told = []
    if not record.is_good:
        skill = f"Brier skill {record.brier_skill:.3f}, lower end {record.brier_skill_low:.3f}"
        message = "the model was no better than the mean frequency of floods on storms it had not seen"
        told.append(("no-skill", message, skill, "a lower end above 0"))
    if record.window_h != horizon_h:
        message = "the model was learned for another horizon"
        told.append(("other-window", message, f"{record.window_h} h", f"{horizon_h} h"))
    if record.district_code != code or shared < LEAST_SHARED * len(record.places):
        message = f"the model was learned for another register: {shared} of its {len(record.places)} hotspots are here"
        told.append(("other-register", message, record.district_code, code))
    return [
        Finding(code=code, message=message, file=path, value=value, accepted=accepted, fix=_LEARN)
        for code, message, value, accepted in told
    ]


_LEARN = "learn one with `wuyu learn`, or take the key `model` out of district.yaml"


def refused_model_summary(refused: Sequence[Finding]) -> tuple[str, str]:
    """Say that a learned model was left out, and what that means.

    Parameters
    ----------
    refused : sequence of Finding
        As `District.model_refused`, or of `LearnedOpinion.of`.

    Returns
    -------
    str, str
        A sentence in Chinese and in English; both empty without findings.

    Examples
    --------
    >>> print(refused_model_summary([Finding(code="no-skill", message="no better than the mean", file="m.skops")])[1])
    The learned model m.skops is not used (no better than the mean): chances are shares of simulated outcomes, which \
no record of floods has confirmed.
    """
    if not refused:
        return "", ""
    first = refused[0]
    return (
        f"学习模型{first.file}未采用（{_WORDS_ZH.get(first.code, '文件有误')}）："
        "概率为模拟结果所占比例，未经积水记录检验。",
        f"The learned model {first.file} is not used ({first.message}): chances are shares of simulated outcomes, "
        "which no record of floods has confirmed.",
    )


def refused_record_summary(code: str, at: str) -> tuple[str, str]:
    """Say that nothing could be learned from the record, and what that means.

    Parameters
    ----------
    code : str
        Of the first finding.
    at : str
        Day on which it was tried, local.

    Returns
    -------
    str, str
        A sentence in Chinese and in English.

    Examples
    --------
    >>> print(refused_record_summary("few-storms", "2021-06-01")[1])
    No learned model: what was tried on 2021-06-01 was refused (few-storms), so chances are shares of simulated \
outcomes, which no record of floods has confirmed.
    """
    return (
        f"无学习模型：{at}的学习未通过（{_WORDS_ZH.get(code, code)}），概率为模拟结果所占比例，未经积水记录检验。",
        f"No learned model: what was tried on {at} was refused ({code}), so chances are shares of simulated outcomes, "
        "which no record of floods has confirmed.",
    )


_WORDS_ZH = {
    "few-storms": "有积水记录的过程太少",
    "one-class": "记录几乎全为积水",
    "no-answer": "不能给出概率",
    "missing-file": "文件缺失",
    "other-checksum": "文件与所登记的不符",
    "not-a-model": "不是模型文件",
    "untrusted-type": "含不允许的内容",
    "other-version": "版本不同",
    "not-verified": "未经检验",
    "no-skill": "检验未见技巧",
    "other-window": "时效不同",
    "other-register": "属于另一底册",
    "unknown-feature": "所需变量不存在",
}
