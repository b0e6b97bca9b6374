"""Mounts the acknowledgement page in Airflow's web server, at ``/ack``.

Every process of Airflow loads this file, so it imports nothing heavy: the page is made when it is first asked for. Its
links are its only key; who is signed in to Airflow does not matter to it. Set `acknowledgement.base_url` of the
district to ``https://HOST/ack``, and let the proxy in front pass ``/ack`` only, never the rest of Airflow.
"""

from __future__ import annotations

import threading
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class AckPage:
    """An ASGI application that is made at the first request."""

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request to the page."""
        if self._app is None:
            import asyncio

            await asyncio.to_thread(self._make)
        await self._app(scope, receive, send)

    def _make(self) -> None:
        import os
        from pathlib import Path

        from wuyu.ack.app import create_app

        with self._lock:
            if self._app is None:
                out = Path(os.environ["WUYU_OUT"])
                self._app = create_app(os.environ.get("WUYU_LEDGER") or out / "ledger.sqlite", out)


class WuyuAckPlugin(AirflowPlugin):
    """Tells Airflow of the page."""

    name = "wuyu_ack"
    fastapi_apps = [{"app": AckPage(), "url_prefix": "/ack", "name": "wuyu acknowledgement"}]  # noqa: RUF012
