"""Models in files: no pickle, a checksum, and only types that are named here."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any, TypeAlias

import sklearn

from risk_models.errors import BadInputError, Finding
from risk_models.files import write_whole
from risk_models.risk.susceptibility.chance import HotspotFloodChance
from risk_models.risk.susceptibility.classifier import HotspotFloodClassifier
from risk_models.risk.susceptibility.verified import FORMAT, Verification

__all__ = ["TRUSTED_TYPES", "load_model", "read_verification", "save_model"]

FloodModel: TypeAlias = HotspotFloodClassifier | HotspotFloodChance

_HERE = "risk_models.risk.susceptibility"

#: Types that a model file may hold besides numbers, text, plain containers and those that skops itself trusts.
TRUSTED_TYPES = (
    f"{_HERE}.additive.AdditiveEffects",
    f"{_HERE}.calibration.BetaCalibrator",
    f"{_HERE}.chance.HotspotFloodChance",
    f"{_HERE}.calibration.IsotonicCalibrator",
    f"{_HERE}.classifier.HotspotFloodClassifier",
    f"{_HERE}.core.Core",
    f"{_HERE}.mixed.MixedEffects",
    f"{_HERE}.pooling.GroupEffects",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
#: A ZIP entry cannot be older; a fixed date makes the same model the same bytes.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_RECORD = "verification.json"


def save_model(
    model: FloodModel, path: Path, *, card: str | None = None, verification: Verification | None = None
) -> str:
    """Write a fitted model, its checksum beside it, and its card.

    Parameters
    ----------
    model : HotspotFloodChance or HotspotFloodClassifier
        Fitted.
    path : Path
        ``*.skops``. The checksum goes to ``*.skops.sha256`` (form of sha256sum), the card to ``*.md``.
    card : str, optional
        Markdown, see `risk_models.risk.susceptibility.card`.
    verification : Verification, optional
        Kept in the file; without it no cycle asks the model.

    Returns
    -------
    str
        SHA-256 of the model file. The same model makes the same bytes; fitted again on a processor of another kind its
        numbers may differ in the last digit.

    Raises
    ------
    ValueError
        If the name does not end in ``.skops``, or the model holds a type that could not be loaded again.

    Examples
    --------
    >>> import tempfile
    >>> rain_mm = [[float(n)] for n in range(40)]
    >>> model = HotspotFloodClassifier(n_trees=5).fit(rain_mm, [n > 20 for n in range(40)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digest = save_model(model, Path(folder) / "demo.skops")
    ...     again = load_model(Path(folder) / "demo.skops", sha256=digest)
    >>> bool((again.predict_proba(rain_mm) == model.predict_proba(rain_mm)).all())
    True
    """
    if path.suffix != ".skops":
        raise ValueError(f"a model file is named *.skops, got {path.name}")
    import skops.io as skops_io  # type: ignore[import-untyped]  # here, because it brings Dask and pytest along

    data = _same_bytes(skops_io.dumps(model), "" if verification is None else verification.to_json())
    strange = sorted(set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED_TYPES))
    if strange:
        raise ValueError(f"the model holds {strange[0]}, which could not be loaded again")
    digest = hashlib.sha256(data).hexdigest()
    # The checksum first: a model that appears is one that can be checked.
    write_whole(path.with_name(path.name + ".sha256"), f"{digest}  {path.name}\n".encode())
    if card is not None:
        write_whole(path.with_suffix(".md"), card.encode())
    write_whole(path, data)
    return digest


def load_model(path: Path, *, sha256: str | None = None) -> FloodModel:
    """Read a model written by `save_model`; nothing in the file is executed.

    Parameters
    ----------
    path : Path
    sha256 : str, optional
        The checksum it must have; by default the one beside it.

    Returns
    -------
    HotspotFloodChance or HotspotFloodClassifier

    Raises
    ------
    BadInputError
        If the file or its checksum is missing, the checksum is another, the file is not a model, or it names a type
        outside `TRUSTED_TYPES`.
    """
    beside = path.with_name(path.name + ".sha256")
    for needed in (path, *([beside] if sha256 is None else [])):
        if not needed.is_file():
            raise _bad(needed, "missing-file", "no such file", fix="save the model again")
    data = path.read_bytes()
    expected = sha256 if sha256 is not None else beside.read_text(encoding="utf-8").split()[0]
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise _bad(path, "other-checksum", "the file is not the one that was saved", value=found, accepted=expected)
    import skops.io as skops_io

    try:
        strange = sorted(set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED_TYPES))
        model = None if strange else skops_io.loads(data, trusted=list(TRUSTED_TYPES))
    except Exception as error:  # whatever bytes bring about
        raise _bad(path, "not-a-model", f"not a readable model file: {error}") from error
    if strange or not isinstance(model, HotspotFloodClassifier | HotspotFloodChance):
        kind = strange[0] if strange else type(model).__name__
        raise _bad(path, "untrusted-type", "the file holds a type that is not allowed", value=kind)
    return model


def read_verification(path: Path) -> Verification:
    """Read how a model did on storms that it had not seen, without opening the model.

    Parameters
    ----------
    path : Path
        As `save_model` wrote it.

    Returns
    -------
    Verification

    Raises
    ------
    BadInputError
        If the file says nothing of it, or is of another form or another version of scikit-learn.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(_RECORD).decode()
        if json.loads(text).get("form") != FORMAT:
            raise _bad(path, "other-version", "the model is kept in another form", accepted=str(FORMAT), fix=_AGAIN)
        found = Verification.from_json(text)
    except BadInputError:
        raise
    except Exception as error:  # whatever bytes bring about
        message = "the file does not say how the model did on storms it had not seen"
        raise _bad(path, "not-verified", message, fix=_AGAIN) from error
    if found.library.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        message = "the model was learned with another version of scikit-learn"
        raise _bad(path, "other-version", message, value=found.library, accepted=sklearn.__version__, fix=_AGAIN)
    return found


_AGAIN = "learn it again with `wuyu learn`"


def _bad(path: Path, code: str, message: str, **more: Any) -> BadInputError:
    return BadInputError("model", [Finding(code=code, message=message, file=path.name, **more)])


def _same_bytes(data: bytes, record: str) -> bytes:
    """Number the nodes and arrays of a skops file by order of appearance instead of memory address; fix the dates.

    The record of the verification goes in beside them.
    """
    arrays: dict[str, str] = {}
    count = itertools.count()

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        changed = {key: walk(value) for key, value in node.items()}
        if "__id__" in node:
            # Every node carries its whole state, so none needs to share its number with an equal one.
            changed["__id__"] = next(count)
        if node.get("__loader__") == "NdArrayNode" and "file" in node:
            changed["file"] = arrays.setdefault(node["file"], f"{len(arrays):05d}.npy")
        return changed

    with zipfile.ZipFile(io.BytesIO(data)) as old:
        schema = walk(json.loads(old.read("schema.json")))
        contents = {new: old.read(name) for name, new in arrays.items()}
    entries = {**contents, "schema.json": json.dumps(schema).encode()}
    if record:
        entries[_RECORD] = record.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED) as new:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, date_time=_FIXED_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, content)
    return buffer.getvalue()
