"""Readers: every format gives the same cells, and a hostile file costs one clear finding."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely

from risk_models.district import archives
from risk_models.district.cells import parse_table
from risk_models.district.contracts import TABLES
from risk_models.district.readers import read_table, resolve_inside
from risk_models.errors import BadInputError
from tests.factories import read_rows, write_mini_district


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mini_district(tmp_path / "mini", hotspots=4)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(BadInputError) as caught:
        call()
    (finding,) = caught.value.findings
    return finding.code


def shelters(folder: Path) -> gpd.GeoDataFrame:
    rows = pd.DataFrame(read_rows(folder / "shelters.csv"))
    points = gpd.points_from_xy(rows["lon"].astype(float), rows["lat"].astype(float))
    return gpd.GeoDataFrame(rows.drop(columns=["lon", "lat"]), geometry=points, crs="EPSG:4326")


def write_shapefile(frame: gpd.GeoDataFrame, path: Path, **options: str) -> None:
    frame.rename(columns=lambda name: name[:10]).to_file(path, driver="ESRI Shapefile", **options)


def write_zip(folder: Path, **options: str) -> Path:
    target = folder / "parts"
    target.mkdir()
    write_shapefile(shelters(folder), target / "shelters.shp", **options)
    with zipfile.ZipFile(folder / "shelters.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(target.iterdir()):
            archive.write(part, part.name)
    return folder / "shelters.zip"


def write_csv(folder: Path, encoding: str) -> str:
    text = (folder / "shelters.csv").read_text(encoding="utf-8")
    (folder / "s.csv").write_text(text, encoding=encoding)
    return "s.csv"


def write_workbook(folder: Path) -> str:
    rows = read_rows(folder / "shelters.csv")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([float(value) if name in ("lon", "lat") else value for name, value in row.items()])
    book.save(folder / "s.xlsx")
    return "s.xlsx"


def write_vector(folder: Path, kind: str) -> str:
    frame = shelters(folder)
    if kind == "zip":
        return write_zip(folder).name
    if kind == "parquet":
        frame.to_parquet(folder / "s.parquet")
    elif kind == "shp":
        write_shapefile(frame, folder / "s.shp")
    else:
        frame.to_file(folder / f"s.{kind}", driver={"gpkg": "GPKG", "geojson": "GeoJSON"}[kind])
    return f"s.{kind}"


WRITERS: dict[str, Callable[[Path], str]] = {
    "utf-8": lambda folder: write_csv(folder, "utf-8"),
    "utf-8-sig": lambda folder: write_csv(folder, "utf-8-sig"),
    "gb18030": lambda folder: write_csv(folder, "gb18030"),
    "xlsx": write_workbook,
    **{
        kind: lambda folder, kind=kind: write_vector(folder, kind)
        for kind in ("geojson", "gpkg", "shp", "zip", "parquet")
    },
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_same_table(folder: Path, kind: str) -> None:
    contract = TABLES["shelters"]
    reference, _ = parse_table(read_table(folder, "shelters.csv"), contract, {})
    raw = read_table(folder, WRITERS[kind](folder))
    short = {name: name[:10] for name in contract.names if len(name) > 10} if kind in ("shp", "zip") else {}
    parsed, findings = parse_table(raw, contract, short)
    assert [finding for finding in findings if finding.severity == "error"] == []
    for name in contract.names:
        if name in ("lon", "lat"):
            assert parsed.values[name] == pytest.approx(reference.values[name], abs=1e-7)
        else:
            assert parsed.values[name] == reference.values[name]
    assert parsed.rows[0] == (2 if kind in ("utf-8", "utf-8-sig", "gb18030", "xlsx") else 1)


def test_shapefile_without_stated_encoding_may_be_chinese(folder: Path) -> None:
    target = folder / "shelters.shp"
    write_shapefile(shelters(folder), target, encoding="gb18030")
    target.with_suffix(".cpg").unlink()
    assert read_table(folder, "shelters.shp").cells["shelter_na"][0] == "避难场所1"


def test_projected_geometry_comes_out_in_degrees(folder: Path) -> None:
    shelters(folder).to_crs("EPSG:4547").to_file(folder / "s.gpkg", driver="GPKG")
    raw = read_table(folder, "s.gpkg")
    assert raw.from_projected
    assert raw.geometry is not None
    assert raw.geometry[0].x == pytest.approx(float(read_rows(folder / "shelters.csv")[0]["lon"]), abs=1e-8)


def test_layer_and_sheet_are_chosen_by_name(folder: Path) -> None:
    name = write_workbook(folder)
    assert len(read_table(folder, name, layer="Sheet").rows) == 4
    assert code_of(lambda: read_table(folder, name, layer="Sheet9")) == "unknown-layer"
    vector = write_vector(folder, "gpkg")
    assert len(read_table(folder, vector, layer="s").rows) == 4
    assert code_of(lambda: read_table(folder, vector, layer="other")) == "unknown-layer"


def test_rows_are_counted_as_a_person_sees_them(folder: Path) -> None:
    (folder / "t.csv").write_text('a,b\n1,"x\ny"\n\n,\n2,z\n', encoding="utf-8")
    raw = read_table(folder, "t.csv")
    assert raw.rows == (2, 5)
    assert raw.cells == {"a": ["1", "2"], "b": ["x\ny", "z"]}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"\n", "empty-file"),
        (b"a;b\n1;2\n", "wrong-delimiter"),
        (b"a,,b\n1,2,3\n", "blank-header"),
        (b"a,b,a\n1,2,3\n", "duplicate-column"),
        (b'a,b\n1,"2\n', "not-csv"),
        (b"a,b\n1,\xff\n", "wrong-encoding"),
        (b"a,b\n1,\x00\n", "wrong-encoding"),
        ("a,b\n1,2\n".encode("utf-16"), "wrong-encoding"),
    ],
)
def test_what_is_no_csv_is_refused(folder: Path, content: bytes, code: str) -> None:
    (folder / "t.csv").write_bytes(content)
    assert code_of(lambda: read_table(folder, "t.csv")) == code


def test_ragged_rows_are_findings_with_their_row(folder: Path) -> None:
    (folder / "t.csv").write_text("a,b\n1,2\n1\n1,2,3\n1,2,\n", encoding="utf-8")
    raw = read_table(folder, "t.csv")
    assert [(finding.code, finding.row) for finding in raw.findings] == [("ragged-row", 3), ("ragged-row", 4)]
    assert raw.cells["b"] == ["2", None, "2", "2"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "not-geojson"),
        ('{"type": "Feature"}', "not-geojson"),
        ('{"type": "FeatureCollection", "features": 1}', "not-geojson"),
        ('{"type": "FeatureCollection", "features": [{"properties": {"a": NaN}}]}', "not-geojson"),
        ('{"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:4547"}}, "features": []}', "wrong-crs"),
        ("[" * 100_000, "not-geojson"),
    ],
)
def test_what_is_no_geojson_is_refused(folder: Path, text: str, code: str) -> None:
    (folder / "t.geojson").write_text(text, encoding="utf-8")
    assert code_of(lambda: read_table(folder, "t.geojson")) == code


def test_a_bad_geometry_is_a_finding_with_its_row(folder: Path) -> None:
    text = '{"type": "FeatureCollection", "features": [{"geometry": {"type": "Point", "coordinates": "x"}}]}'
    (folder / "t.geojson").write_text(text, encoding="utf-8")
    raw = read_table(folder, "t.geojson")
    assert [(finding.code, finding.row) for finding in raw.findings] == [("bad-geometry", 1)]


@pytest.mark.parametrize("path", ["../outside.csv", "link.csv", "sub/../../outside.csv"])
def test_paths_stay_in_the_folder(folder: Path, path: str) -> None:
    outside = folder.parent / "outside.csv"
    outside.write_text("a\n1\n", encoding="utf-8")
    (folder / "link.csv").symlink_to(outside)
    assert code_of(lambda: read_table(folder, path)) == "outside-folder"
    assert code_of(lambda: read_table(folder, str(outside))) == "outside-folder"


def test_missing_file_names_the_nearest(folder: Path) -> None:
    with pytest.raises(BadInputError, match=r"no such file; nearest: hotspots\.csv"):
        resolve_inside(folder, "hotspot.csv")


def test_unknown_suffix_lists_the_formats(folder: Path) -> None:
    with pytest.raises(BadInputError, match=r"accepted: \.csv, \.xlsx, \.geojson"):
        read_table(folder, "hotspots.vrt")


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Give an address on this machine and the list of what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", asked
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["t.geojson", "t.gpkg", "t.shp", "t.json", "t.parquet", "t.xlsx", "t.zip"])
def test_a_virtual_layer_under_a_good_suffix_reaches_no_network(folder: Path, server, name: str) -> None:
    address, asked = server
    vrt = f"<OGRVRTDataSource><OGRVRTLayer name='t'><SrcDataSource>/vsicurl/{address}/x.geojson</SrcDataSource>"
    vrt += "</OGRVRTLayer></OGRVRTDataSource>"
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            for suffix in (".shp", ".shx", ".dbf"):
                archive.writestr(f"t{suffix}", vrt)
    else:
        (folder / name).write_text(vrt, encoding="utf-8")
    assert code_of(lambda: read_table(folder, name)) in ("not-geojson", "wrong-content", "unreadable", "not-a-workbook")
    assert asked == []


def test_another_database_is_no_geopackage(folder: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(folder / "t.gpkg")
    connection.execute("create table t (a)")
    connection.commit()
    connection.close()
    assert code_of(lambda: read_table(folder, "t.gpkg")) in ("wrong-content", "unreadable")


def zip_of(folder: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(folder / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return "z.zip"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"../t.shp": b""}, "zip-unsafe"),
        ({"/t.shp": b""}, "zip-unsafe"),
        ({"a/t.shp": b""}, "zip-unsafe"),
        ({"a\\t.shp": b""}, "zip-unsafe"),
        ({"C:t.shp": b""}, "zip-unsafe"),
        ({"t.shp": b"", "T.SHP": b""}, "zip-duplicate"),
        ({"t.shp": b""}, "zip-incomplete"),
        ({"t.shp": b"", "t.shx": b"", "u.dbf": b""}, "zip-incomplete"),
        ({"t.shp": bytes(20_000_000)}, "zip-bomb"),
        ({f"{n}.txt": b"" for n in range(2_001)}, "zip-too-many"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value))[:8],
)
def test_unsafe_archives_are_refused(folder: Path, members: dict[str, bytes], code: str) -> None:
    name = zip_of(folder, members)
    before = sorted(folder.parent.iterdir())
    assert code_of(lambda: read_table(folder, name)) == code
    assert sorted(folder.parent.iterdir()) == before


def test_a_link_in_an_archive_is_refused(folder: Path) -> None:
    link = zipfile.ZipInfo("t.shp")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr(link, "/etc/hostname")
    assert code_of(lambda: read_table(folder, "z.zip")) == "zip-unsafe"


def test_real_bytes_are_counted_not_promised_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_zip(folder).name
    monkeypatch.setattr(archives, "check_members", lambda archive, file: None)
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 100)
    assert code_of(lambda: read_table(folder, name)) == "zip-bomb"


def test_a_workbook_bomb_is_refused(folder: Path) -> None:
    zip_of(folder, {"xl/worksheets/sheet1.xml": bytes(20_000_000)})
    (folder / "z.zip").rename(folder / "z.xlsx")
    assert code_of(lambda: read_table(folder, "z.xlsx")) == "zip-bomb"


def test_side_members_of_a_shapefile_are_left_alone(folder: Path) -> None:
    path = write_zip(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("shelters.shp.xml", "<metadata/>")
        archive.writestr("evil.vrt", "<OGRVRTDataSource/>")
    assert len(read_table(folder, path.name).rows) == 4


def test_parquet_without_geometry_is_a_table(folder: Path) -> None:
    pd.DataFrame({"a": ["01", None], "n": [1, 2]}).to_parquet(folder / "t.parquet")
    raw = read_table(folder, "t.parquet")
    assert raw.cells == {"a": ["01", None], "n": [1, 2]}
    assert raw.geometry is None


def test_points_must_be_points(folder: Path) -> None:
    frame = shelters(folder)
    frame.geometry = [shapely.LineString([(113.6, 34.7), (113.7, 34.7)]), *frame.geometry[1:]]
    frame.to_file(folder / "s.geojson", driver="GeoJSON")
    _, findings = parse_table(read_table(folder, "s.geojson"), TABLES["shelters"], {})
    assert [(f.code, f.row, f.value) for f in findings] == [("bad-geometry", 1, "LineString")]
