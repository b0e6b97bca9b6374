"""The static world: a district folder read and checked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.district.check import check_district
    from risk_models.district.model import District, district_summary, load_district
    from risk_models.district.new import new_district
    from risk_models.district.settings import DistrictSettings
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "check": ["check_district"],
            "model": ["District", "district_summary", "load_district"],
            "new": ["new_district"],
            "settings": ["DistrictSettings"],
        },
    )

__all__ = ["District", "DistrictSettings", "check_district", "district_summary", "load_district", "new_district"]
