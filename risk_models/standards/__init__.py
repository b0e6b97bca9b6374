"""The dated tables of standards: signals, grades, storm formulas, depth classes, the risk matrix and their names.

Thresholds are data, not code: each CSV in ``data/standards`` groups rows by ``standard_id``, and every row says from
when it holds, where it comes from and how sure that is. `load_standards` reads and checks all tables at once and
gives typed records; nothing else in wuyu knows a threshold.
"""

from risk_models.standards.records import (
    ActionTime,
    DepthClass,
    EventCode,
    ImpactClass,
    ImpactDepths,
    KindVulnerability,
    LandCover,
    LikelihoodBand,
    NowOrder,
    ObservationSource,
    OrderCriterion,
    PrecipitationGrade,
    RainSignal,
    Response,
    RiskMatrix,
    Stage,
    StandardInfo,
    Standards,
    StormFormula,
    TownCriterion,
    WordingLevel,
)
from risk_models.standards.tables import load_standards

__all__ = [
    "ActionTime",
    "DepthClass",
    "EventCode",
    "ImpactClass",
    "ImpactDepths",
    "KindVulnerability",
    "LandCover",
    "LikelihoodBand",
    "NowOrder",
    "ObservationSource",
    "OrderCriterion",
    "PrecipitationGrade",
    "RainSignal",
    "Response",
    "RiskMatrix",
    "Stage",
    "StandardInfo",
    "Standards",
    "StormFormula",
    "TownCriterion",
    "WordingLevel",
    "load_standards",
]
