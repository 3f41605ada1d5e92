"""Tables of transformers: read whole, and fitted by the model that fits layers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY

from ofadsl.calibrate.check import cross_validated, rank_correlation
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.read_features import COLUMNS, FEATURES, FeatureTable, read_features
from ofadsl.calibrate.tables import Table
from ofadsl.calibrate.transformers import row_choices, transformer_features
from ofadsl.diagnostics import Diagnostics

DATA = REPOSITORY / "tests" / "data" / "hat"
PI, TITAN = DATA / "wmt14ende_cpu_raspberrypi.csv.gz", DATA / "wmt19ende_gpu_titanxp.csv.gz"
SHARED = REPOSITORY.parent / "shared" / "device_tables" / "hat"
HEADER = ",".join(COLUMNS)
ROW = "512,6,1877.5,6,640,3,1706.5,6,2.5,1.5,1990.1,5932.5,413.5,45.5"


def written(path: Path, *lines: str, packed: bool = True) -> Path:
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    return path


def test_a_table_is_read_packed_and_plain(tmp_path: Path) -> None:
    for packed in (True, False):
        table = read_features(written(tmp_path / "t.csv", HEADER, ROW, ROW, packed=packed))
        assert table.features.shape == (2, len(FEATURES))
        assert table.features[0].tolist() == [512, 6, 1877.5, 6, 640, 3, 1706.5, 6, 2.5, 1.5]
        assert table.latency[1].tolist() == [1990.1, 5932.5]
        assert table.deviation[0].tolist() == [413.5, 45.5]
        assert table.total.tolist() == [1990.1 + 5932.5] * 2


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    flip = [",".join(reversed(line.split(","))) for line in (HEADER, ROW)]
    table = read_features(written(tmp_path / "t.csv", *flip))
    assert table.latency[0].tolist() == [1990.1, 5932.5]


@pytest.mark.parametrize("name", ["iwslt14deen_gpu_titanxp_all", "wmt14enfr_cpu_raspberrypi_all"])
def test_every_row_of_the_shared_tables_is_read(name: str) -> None:
    path = SHARED / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip("the shared device tables are not here")
    assert len(read_features(path).total) == 2000


@pytest.mark.parametrize(
    ("lines", "code", "found"),
    [
        ([], "OFA124", "no measurement"),
        ([HEADER], "OFA124", "no measurement"),
        (
            [HEADER.replace("decoder_layer_num", "layers"), ROW],
            "OFA141",
            "decoder_layer_num missing",
        ),
        ([HEADER + ",more", ROW], "OFA141", "`more` too many"),
        ([HEADER, ROW + ",1"], "OFA141", "15 values"),
        ([HEADER, ROW.replace("1990.1", "nan")], "OFA123", "latency_mean_encoder is nan"),
        ([HEADER, ROW.replace("1990.1", "")], "OFA123", "latency_mean_encoder is missing"),
        ([HEADER, ROW.replace("512", "-512")], "OFA123", "encoder_embed_dim is -512"),
        ([HEADER, ROW.replace("413.5", "-1")], "OFA123", "latency_std_encoder is -1"),
    ],
    ids=range(9),
)
def test_a_malformed_table_is_refused(
    tmp_path: Path, lines: list[str], code: str, found: str
) -> None:
    with pytest.raises(Diagnostics) as caught:
        read_features(written(tmp_path / "t.csv.gz", *lines))
    assert caught.value.items[0].code == code
    assert found in str(caught.value)


def test_each_malformed_line_is_named(tmp_path: Path) -> None:
    bad = ROW.replace("5932.5", "0")
    with pytest.raises(Diagnostics) as caught:
        read_features(written(tmp_path / "t.csv.gz", HEADER, ROW, bad, "1,2", ROW))
    text = str(caught.value)
    assert "t.csv.gz:3" in text
    assert "t.csv.gz:4" in text


def test_what_gzip_cannot_unpack_is_refused(tmp_path: Path) -> None:
    whole = PI.read_bytes()
    for data in (whole[:200], whole[:40] + b"\xff" * 40 + whole[80:], whole[:-8] + b"\x00" * 8):
        path = tmp_path / "t.csv.gz"
        path.write_bytes(data)
        with pytest.raises(Diagnostics, match="OFA120"):
            read_features(path)
    with pytest.raises(Diagnostics, match="OFA120"):
        read_features(tmp_path / "none.csv.gz")


def test_what_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ofadsl.calibrate.read_features._LARGEST", 1000)
    with pytest.raises(Diagnostics, match="unpacks to more"):
        read_features(PI)


def columns(rows: object) -> np.ndarray:
    features = transformer_features(np.array(rows, np.float64))
    return features.trend[: len(features.kind)]


def test_the_work_of_a_transformer_is_that_of_its_matrices() -> None:
    table = read_features(PI)
    work = columns(table.features)
    one = table.features[0]
    weights = 4 * 512 * one[0] * one[1] + 2 * one[0] * one[2] * one[1]  # the encoder, once
    weights += 30 * (4 * 512 * one[4] * one[5] + 2 * one[4] * one[6] * one[5])
    weights += 30 * 2 * 512 * one[4] * one[5] + 2 * 512 * one[0] * one[9] * one[5]
    weights += 30 * one[4] * 32_000
    assert work[0, 2] == pytest.approx(weights)
    deeper = table.features[:1].repeat(2, axis=0)
    deeper[1, 5] += 1
    shallow, deep = columns(deeper)[:2]
    assert (deep >= shallow).all()
    assert deep[3] > shallow[3]


@pytest.mark.parametrize(("path", "rho", "error"), [(PI, 0.98, 0.05), (TITAN, 0.95, 0.05)])
def test_ten_measurements_order_the_other_transformers(
    path: Path, rho: float, error: float
) -> None:
    table = read_features(path)
    features = transformer_features(table.features)
    order = np.argsort(table.features[:, 5], kind="stable")
    rows = np.sort(order[np.linspace(0, len(order) - 1, 10).astype(int)])
    rest = np.setdiff1d(np.arange(len(order)), rows)
    estimator = fit(features, row_choices(rows), table.total[rows])
    mean, deviation = estimator.predict(row_choices(rest))
    y = table.total[rest]
    assert rank_correlation(y, mean) > rho
    assert np.mean(np.abs(mean / y - 1)) < error
    assert np.mean(np.abs(mean - y) < 1.645 * deviation) > 0.7


def test_a_feature_table_is_cross_validated_like_a_space() -> None:
    table = read_features(PI)
    rows = np.arange(len(table.total))
    samples = Table(
        path=table.path,
        quantity="latency_ms",
        x=row_choices(rows),
        y=table.total,
        order=rows.astype(np.float64),
        settings={},
        digest=table.digest,
    )
    assert cross_validated(transformer_features(table.features), samples, []).rho > 0.98


def test_more_rows_than_a_byte_counts_are_told_apart() -> None:
    table = read_features(TITAN)
    many = FeatureTable(
        path="",
        digest="",
        features=np.tile(table.features, (5, 1)),
        latency=table.latency,
        deviation=table.deviation,
    )
    features = transformer_features(many.features)
    cells = features.cells(row_choices(np.arange(300)))
    assert cells[:, 0].tolist() == [*range(300)]
    np.testing.assert_array_equal(features.trend[240:300], features.trend[:60])
