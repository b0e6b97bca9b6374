"""What a phone shows of a mail: five facts without scrolling, letters one can read, colours one can tell apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.bulletin import Bulletin, SignOff, to_html
from reports.words import LANGUAGES
from risk_models.levels import Level
from risk_models.warning.records import Action
from tests.wuyu.ack.browser import Browser, chromium

WIDTH, HEIGHT = 390, 844
LEAST_PX = 14.0
LEAST_CONTRAST = 4.5  # WCAG 2.1, success criterion 1.4.3, level AA
KINDS = {
    "new": {"action": Action.NEW, "level": Level.YELLOW, "previous_level": Level.NONE, "supersedes": None},
    "raised": {"wet": ("EQ-001", "EQ-002", "EQ-003")},
    "lowered": {"action": Action.DNG, "level": Level.BLUE, "previous_level": Level.RED, "wet": ("EQ-001",)},
    "end": {"action": Action.CAN, "hotspot_ids": ("EQ-001",), "signal": Level.NONE},
    "draft": {"level": Level.ORANGE, "sign_off": SignOff()},
    "unknown": {"unknown": True, "level": Level.UNKNOWN, "hotspot_ids": ()},
}
LENGTHS = {
    f"{length} {letter}": {"names": {"hotspot": letter * length, "town": letter * length}, "wet": ("EQ-001", "EQ-002")}
    for length in (1, 20, 60, 200)
    for letter in ("路", "W")
}
#: Of every text on the page: size, and the contrast of its colour with the nearest background that is painted.
LOOK = """(() => {
  const linear = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parts(c).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, p = parts(c);
      if (p.length < 4 || p[3] > 0) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, e = node.parentElement;
    if (!node.data.trim() || e.tagName === 'STYLE') continue;
    const style = getComputedStyle(e), [a, b] = [light(style.color), light(ground(e))];
    found.push([node.data.trim().slice(0, 30), parseFloat(style.fontSize),
                (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  const bottom = e => [e.dataset.fact, e.getBoundingClientRect().bottom];
  const facts = [...document.querySelectorAll('[data-fact]')].map(bottom);
  return JSON.stringify({found, facts, width: document.documentElement.scrollWidth});
})()"""

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.size(WIDTH, HEIGHT, phone=True)
        yield opened


def _look(browser: Browser, bulletin: Bulletin, folder: Path) -> Iterator[tuple[str, dict]]:
    for lang in LANGUAGES:
        page = folder / f"{lang}.html"
        page.write_text(to_html(bulletin, lang, map_src=None, ack_url="https://duty.erqi.example/a/token"))
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            browser.open(page.as_uri())
            yield f"{lang}, {scheme}", json.loads(browser.run(LOOK))


@pytest.mark.parametrize("scene", [*KINDS, *LENGTHS])
def test_five_facts_stand_on_the_first_screen_in_letters_that_can_be_read(browser, make_sample, tmp_path, scene):
    bulletin = make_sample(**(KINDS | LENGTHS)[scene])
    for seen, page in _look(browser, bulletin, tmp_path):
        facts = dict(page["facts"])
        assert {"kind", "danger", "orders", "answer", "next"} <= set(facts)
        assert max(facts.values()) <= HEIGHT, (seen, facts)
        assert page["width"] <= WIDTH, (seen, "must not be scrolled sideways")
        small = [text for text, size, _ in page["found"] if size < LEAST_PX]
        faint = [(text, contrast) for text, _, contrast in page["found"] if contrast < LEAST_CONTRAST]
        assert (small, faint) == ([], []), seen


@pytest.mark.parametrize("level", list(Level))
def test_every_band_can_be_read(level):
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        r, g, b = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((light(level.fill), light(level.ink)))
    assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST
