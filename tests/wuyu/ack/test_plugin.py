"""Airflow loads the page as a plugin, cheaply, and serves it at its own path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.replays import child_environment
from tests.wuyu.ack.conftest import KEYS
from wuyu.ack.book import Standing
from wuyu.ack.links import Links
from wuyu.demo import airflow_environment
from wuyu.desk import Desk

pytestmark = pytest.mark.airflow

# Mounts the plugin as Airflow's web server does (`airflow.api_fastapi.app.init_plugins`), then asks for two pages.
PROGRAM = """
import asyncio, json, sys
from airflow import plugins_manager
apps, _ = plugins_manager.get_fastapi_plugins()
heavy = sorted({'wuyu.ack.app', 'wuyu.ledger', 'geopandas', 'rasterio'} & set(sys.modules))
from fastapi import FastAPI
import httpx
whole = FastAPI()
for one in apps:
    whole.mount(one['url_prefix'], one['app'])
async def ask():
    transport = httpx.ASGITransport(app=whole)
    async with httpx.AsyncClient(transport=transport, base_url='http://desk.example') as client:
        return [await client.get(path) for path in sys.argv[1:]]
pages = asyncio.run(ask())
print(json.dumps({
    'prefixes': [one['url_prefix'] for one in apps],
    'errors': plugins_manager.get_import_errors(),
    'heavy': heavy,
    'pages': [[page.status_code, page.text] for page in pages],
}))
"""


@pytest.fixture
def variables(desk: Desk, tmp_path: Path) -> dict[str, str]:
    """The environment of an embedded Airflow for a desk."""
    ours = airflow_environment(tmp_path / "airflow") | {
        "WUYU_OUT": str(desk.out),
        "WUYU_LEDGER": f"sqlite:///{desk.ledger.engine.url.database}",
        "WUYU_ACK_KEYS": "t1:" + "0123456789abcdef" * 4,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }
    return child_environment(**ours)


def test_airflow_lists_the_plugin(variables: dict[str, str]) -> None:
    airflow = str(Path(sys.executable).parent / "airflow")
    done = subprocess.run(
        [airflow, "plugins", "--output", "json"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    rows = json.loads(done.stdout[done.stdout.index("[") :])
    assert "wuyu_ack" in {row["name"] for row in rows}


def test_the_page_is_served_where_it_is_mounted(variables: dict[str, str], waiting: Standing) -> None:
    link = Links("/ack", KEYS).acknowledge(
        waiting.request.message_id, waiting.recipients[0], expires_at=waiting.request.expires_at
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "/ack/health", link, "/ack/a/guess"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert "/ack" in said["prefixes"]
    assert said["errors"] == {}
    assert said["heavy"] == []
    health, expired, guess = said["pages"]
    assert health == [200, "ok\n"]
    assert expired[0] == 410  # signed for 2021: genuine, and over
    assert guess[0] == 403
