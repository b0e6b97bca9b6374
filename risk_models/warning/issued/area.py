"""Where a signal holds: names and codes as an office writes them, laid on the towns of the district.

In doubt a name holds too much: a signal of the neighbours that is shown here harms less than one of ours that is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from risk_models.district.settings import DistrictSettings

__all__ = ["Ground"]

_BETWEEN: Final = re.compile(r"[、，,；;|/\n]+")
_WHOLE: Final = ("全区", "全市", "全省", "本区", "全境")
_OF_THE_CITY: Final = ("和", "及", "全", "市区", "主城", "大部", "部分", "中心城", "城区", "地区", "辖区")
"""What may follow the name of the city where the whole of it, or more, is meant."""
_CODE: Final = re.compile(r"\d{2,12}")


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The towns of a district, and the names that mean all of them.

    Attributes
    ----------
    code : str
        Of the district, six digits (GB/T 2260).
    names, cities : tuple of str
        Of the district and of its city.
    towns : mapping of str to str
        Town code to name.
    timezone : str
        IANA name.
    """

    code: str
    names: tuple[str, ...]
    cities: tuple[str, ...]
    towns: Mapping[str, str]
    timezone: str

    @classmethod
    def of(cls, settings: DistrictSettings, towns: Mapping[str, str]) -> Ground:
        """Return the ground of a district with these towns."""
        mine = settings.district
        return cls(
            code=mine.code,
            names=(mine.name.zh, mine.name.en),
            cities=(mine.city.zh, mine.city.en),
            towns=dict(towns),
            timezone=mine.timezone,
        )

    def towns_in(self, area: str) -> frozenset[str]:
        """Return the codes of the towns that an area holds: all for an empty one, none for one elsewhere.

        Parameters
        ----------
        area : str
            Names or codes, between them commas; a code of the city or the province holds the district.

        Examples
        --------
        >>> ground = Ground(code="410103", names=("二七区",), cities=("郑州市",), towns={"410103012": "马寨镇"},
        ...     timezone="Asia/Shanghai")
        >>> [sorted(ground.towns_in(area)) for area in ("中原区、二七区", "河南省郑州市二七区马寨镇", "郑州市市区", "")]
        [['410103012'], ['410103012'], ['410103012'], ['410103012']]
        >>> [sorted(ground.towns_in(area)) for area in ("410100000000", "410103012", "郑州市中原区", "410102")]
        [['410103012'], ['410103012'], [], []]
        """
        items = [item for item in (part.strip() for part in _BETWEEN.split(area)) if item]
        if not items:
            return frozenset(self.towns)
        return frozenset().union(*(self._towns_of(item.casefold()) for item in items))

    def _towns_of(self, item: str) -> frozenset[str]:
        if _CODE.fullmatch(item):
            return self._towns_of_code(item)
        for name in (name.casefold() for name in self.names):
            if name in item:
                return self._named(item.rpartition(name)[2].strip()) or frozenset(self.towns)
        if item in _WHOLE or self._is_city(item):
            return frozenset(self.towns)
        return frozenset(code for code, town in self.towns.items() if town.casefold() in item)

    def _named(self, name: str) -> frozenset[str]:
        return frozenset(code for code, town in self.towns.items() if town.casefold() == name)

    def _is_city(self, item: str) -> bool:
        for city in (city.casefold() for city in self.cities):
            _, found, rest = item.partition(city)
            if found and (not rest.strip() or rest.strip().startswith(_OF_THE_CITY)):
                return True
        return False

    def _towns_of_code(self, code: str) -> frozenset[str]:
        """Return the towns of a code; zeros at its end say that it is one of a larger area."""
        bare = code
        while len(bare) > 2 and bare.endswith("00"):
            bare = bare[:-2]
        if self.code.startswith(bare):
            return frozenset(self.towns)
        return frozenset(town for town in self.towns if code.startswith(town))
