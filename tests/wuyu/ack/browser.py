"""A headless Chromium steered over its debugging protocol: open, read, fill in, click, look."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

from tests.patience import PATIENCE_S, until

OPTIONS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --remote-debugging-port=0 --remote-allow-origins=* --hide-scrollbars about:blank"
)


def chromium() -> str | None:
    return shutil.which("chromium")


class Browser:
    """One page of one browser."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        binary = chromium()
        assert binary is not None
        command = [binary, f"--user-data-dir={profile}", *OPTIONS.split()]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.calls = 0
        self.session = ""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            self.socket = stack.enter_context(connect(self._address(), max_size=2**26, open_timeout=PATIENCE_S))
            targets = self._call("Target.getTargets")["targetInfos"]
            page = next(one for one in targets if one["type"] == "page")["targetId"]
            self.session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            self._call("Page.enable")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _address(self) -> str:
        file = self.profile / "DevToolsActivePort"
        until("chromium", lambda: file.exists() and len(file.read_text().splitlines()) == 2)
        port, path = file.read_text().splitlines()
        return f"ws://127.0.0.1:{port}{path}"

    def _end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self.calls += 1
        message: dict[str, Any] = {"id": self.calls, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv(timeout=PATIENCE_S))
            if answer.get("id") == self.calls:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def size(self, width: int, height: int, *, phone: bool) -> None:
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def prefer(self, scheme: str) -> None:
        """Have the device ask for light or dark colours."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)
        self.settle(url)

    def settle(self, url: str = "") -> None:
        """Wait until the page is there whole."""
        until(url, lambda: self.run("document.readyState === 'complete' && location.href !== 'about:blank'"))

    def run(self, script: str) -> Any:
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def click(self, selector: str) -> None:
        self.run("window.stale = true")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def send(self, selector: str) -> None:
        """Click what loads another page, and wait for it."""
        self.click(selector)

        def has_come() -> bool:
            try:
                return bool(self.run("document.readyState === 'complete' && window.stale !== true"))
            except AssertionError:
                return False  # between two pages

        until("the next page", has_come)

    def fill(self, selector: str, text: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def screenshot(self, path: Path, *, whole: bool = True) -> Path:
        data = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        if whole:
            metrics = self._call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": metrics["width"], "height": metrics["height"], "scale": 1}
            data = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))
        return path
