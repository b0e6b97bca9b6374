"""The static world: a district folder read and checked once."""

from risk_models.district.check import check_district
from risk_models.district.model import District, district_summary, load_district
from risk_models.district.new import new_district
from risk_models.district.settings import DistrictSettings

__all__ = ["District", "DistrictSettings", "check_district", "district_summary", "load_district", "new_district"]
