"""The file drop: whole files only, the index last, the same again changes nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from wuyu.delivery.filedrop import FileDropTransport
from wuyu.delivery.smtp import Outcome
from wuyu.delivery.summary import FILES_SCHEMA, as_bytes
from wuyu.ledger import OutboxState
from wuyu.messages.guard import Target

TARGET = Target("file:city", exercise=True, scopes=("Restricted",))


def _bundle(name: str = "E-1.r0.cap.xml", data: bytes = b"<alert/>", **changes: Any) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    one = {"name": name, "media_type": "application/cap+xml", "sha256": digest, "bytes": len(data)}
    index = {"message_id": "E-1.r0", "files": [one]}
    files = [{**one, "content": base64.b64encode(data).decode()}]
    return as_bytes({"schema": FILES_SCHEMA, "message_id": "E-1.r0", "index": index, "files": files} | changes)


def _drop(folder: Path, body: bytes, **more: Any) -> Outcome:
    return FileDropTransport(TARGET, folder).send("duty", "city", body, **more)


def test_files_and_index_are_laid_down(tmp_path: Path) -> None:
    assert _drop(tmp_path, _bundle()).state is OutboxState.SENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["E-1.r0.cap.xml", "E-1.r0.json"]
    index = json.loads((tmp_path / "E-1.r0.json").read_text(encoding="utf-8"))
    (named,) = index["files"]
    assert hashlib.sha256((tmp_path / named["name"]).read_bytes()).hexdigest() == named["sha256"]


def test_the_index_comes_last(tmp_path: Path) -> None:
    seen: dict[str, list[str]] = {}

    def look(step: str) -> None:
        seen[step] = sorted(path.name for path in tmp_path.iterdir())

    _drop(tmp_path, _bundle(), checkpoint=look)
    assert seen == {"connected": [], "body": ["E-1.r0.cap.xml"], "accepted": ["E-1.r0.cap.xml", "E-1.r0.json"]}


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    _drop(tmp_path, _bundle())
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert _drop(tmp_path, _bundle()).state is OutboxState.SENT
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_another_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "E-1.r0.cap.xml").write_bytes(b"somebody else's")
    outcome = _drop(tmp_path, _bundle())
    assert outcome.state is OutboxState.FAILED
    assert "another file stands in the folder as E-1.r0.cap.xml" in outcome.text
    assert [path.name for path in tmp_path.iterdir()] == ["E-1.r0.cap.xml"]
    assert (tmp_path / "E-1.r0.cap.xml").read_bytes() == b"somebody else's"


def test_a_share_that_is_not_mounted_is_tried_again_and_not_made(tmp_path: Path) -> None:
    outcome = _drop(tmp_path / "share", _bundle())
    assert (outcome.state, outcome.is_session_fault) == (OutboxState.RETRY, True)
    assert not (tmp_path / "share").exists()


def test_a_stop_between_the_files_is_mended_by_the_next_try(tmp_path: Path) -> None:
    def stop(step: str) -> None:
        if step == "body":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _drop(tmp_path, _bundle(), checkpoint=stop)
    assert not (tmp_path / "E-1.r0.json").exists(), "no index, so nobody takes the half"
    assert _drop(tmp_path, _bundle()).state is OutboxState.SENT
    assert (tmp_path / "E-1.r0.json").exists()


@pytest.mark.parametrize("name", ["../up.xml", "/etc/x", "a/b.xml", ".hidden", "a\\b", "", "a\nb", "x" * 200])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert _drop(folder, _bundle(name)).state is OutboxState.FAILED
    assert _drop(folder, _bundle(message_id=name)).state is OutboxState.FAILED
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", _bundle(schema="other"), _bundle(files=[{"name": "a"}])])
def test_what_is_no_bundle_fails(tmp_path: Path, body: bytes) -> None:
    assert _drop(tmp_path, body).state is OutboxState.FAILED
    assert list(tmp_path.iterdir()) == []


def test_a_digest_that_does_not_fit_fails(tmp_path: Path) -> None:
    bundle = json.loads(_bundle())
    bundle["files"][0]["sha256"] = "0" * 64
    assert "does not have its digest" in _drop(tmp_path, as_bytes(bundle)).text
