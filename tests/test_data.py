"""Data sets: the digits, folders of images of any kind, and batches that follow from the seed."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from torch import Tensor

from ofadsl.diagnostics import Diagnostics
from ofadsl.train.data.augment import IMAGENET, PLAIN, SIGNS, SMALL, Augment
from ofadsl.train.data.batches import Batch, batches, count, mixed
from ofadsl.train.data.colour import _OPERATIONS, jittered, rand_augmented
from ofadsl.train.data.crop import centre_box, random_box
from ofadsl.train.data.decode import BrokenImageError, decode
from ofadsl.train.data.folder import Pictures, list_folder
from ofadsl.train.data.open import open_data
from ofadsl.train.data.prepare import MEAN, STD, as_bytes, augmented, normalised
from ofadsl.train.data.sample import sample
from ofadsl.train.data.source import Examples


class Numbers:
    """Examples that say which they are and how they were asked for."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __len__(self) -> int:
        return self.number

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        return torch.full((1, size, size), (seed or 0) % 256, dtype=torch.uint8), index


def labels(found: Iterator[Batch]) -> list[list[int]]:
    return [batch.labels.tolist() for batch in found]


def photo(path: Path, width: int = 40, height: int = 30, seed: int = 0, mode: str = "RGB") -> None:
    """Write an image of soft blobs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    image.convert(mode).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two classes with ten images each."""
    root = tmp_path / "pets"
    for number, name in enumerate(("dog", "cat")):
        for i in range(10):
            photo(root / name / f"{i}.jpg", seed=10 * number + i)
    return root


def codes(error: pytest.ExceptionInfo[Diagnostics]) -> list[str]:
    return [item.code for item in error.value]


def test_the_digits_are_the_1797_in_a_fixed_split() -> None:
    data = open_data("digits", channels=1)
    assert (data.name, len(data.classes)) == ("digits", 10)
    assert (len(data.train), len(data.val)) == (1437, 360)
    per_class = np.bincount([data.val.load(i, size=8, seed=None)[1] for i in range(360)])
    assert min(per_class) >= 35


@pytest.mark.parametrize("channels", [1, 3])
def test_a_digit_is_normalised_and_of_the_size_asked_for(channels: int) -> None:
    image, label = open_data("digits", channels=channels).train.load(3, size=12, seed=None)
    assert image.shape == (channels, 12, 12)
    assert image.dtype == torch.uint8
    assert label in range(10)
    black = -torch.tensor(MEAN[channels]) / torch.tensor(STD[channels])
    torch.testing.assert_close(normalised(image).amin((1, 2)), black)


def test_a_space_of_other_channels_is_refused() -> None:
    with pytest.raises(Diagnostics) as found:
        open_data("digits", channels=4)
    assert codes(found) == ["OFA185"]


def test_batches_follow_from_the_seed_and_the_epoch() -> None:
    def epoch(seed: int | None, number: int) -> list[list[int]]:
        found = batches(Numbers(10), size=1, batch=4, seed=seed, epoch=number, drop_last=False)
        return labels(found)

    assert epoch(0, 0) == epoch(0, 0)
    assert len({str(epoch(*key)) for key in ((0, 0), (0, 1), (1, 0), (1, 1))}) == 4
    assert sorted(itertools.chain(*epoch(0, 0))) == list(range(10))
    assert epoch(None, 5) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("start", [0, 3])
def test_workers_change_nothing(start: int) -> None:
    data = open_data("digits", channels=1, limit=100)

    def epoch(**how: int) -> list[Batch]:
        return list(batches(data.train, size=8, batch=16, seed=1, epoch=2, drop_last=True, **how))

    alone, shared = epoch(), epoch(workers=2, start=start)
    assert len(alone) == count(data.train, batch=16, drop_last=True) == 6
    assert len(shared) == 6 - start
    for one, other in zip(alone[start:], shared, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


def test_batches_draw_nothing_from_the_global_generators() -> None:
    torch.manual_seed(0)
    random.seed(0)
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[2]
    data = open_data("digits", channels=1, limit=20)
    list(batches(data.train, size=8, batch=4, seed=0, drop_last=True))
    assert torch.equal(state[0], torch.get_rng_state())
    assert state[1:] == (random.getstate(), np.random.get_state()[2])


def test_processes_take_equal_parts_of_each_batch() -> None:
    def of(rank: int, world: int) -> list[list[int]]:
        how = {"size": 1, "batch": 6, "seed": 3, "drop_last": True}
        return labels(batches(Numbers(20), rank=rank, world=world, **how))  # type: ignore[arg-type]

    whole, parts = of(0, 1), [of(rank, 3) for rank in range(3)]
    for number, batch in enumerate(whole):
        assert all(len(part[number]) == 2 for part in parts)
        assert sorted(batch) == sorted(itertools.chain(*(part[number] for part in parts)))


def test_processes_share_the_last_images_too() -> None:
    parts = [
        labels(batches(Numbers(9), size=1, batch=8, seed=None, rank=r, world=2, drop_last=False))
        for r in range(2)
    ]
    assert parts == [[[0, 2, 4, 6], [8]], [[1, 3, 5, 7]]]


@pytest.mark.parametrize(("batch", "world", "code"), [(8, 3, "OFA187"), (32, 1, "OFA188")])
def test_a_batch_that_cannot_be_made_is_refused(batch: int, world: int, code: str) -> None:
    with pytest.raises(Diagnostics) as found:
        next(batches(Numbers(20), size=1, batch=batch, seed=0, world=world, drop_last=True))
    assert codes(found) == [code]


def test_each_image_has_a_seed_of_its_own() -> None:
    seeds = {mixed(s, e, i) for s in range(5) for e in range(5) for i in range(20)}
    assert len(seeds) == 500
    (first,) = batches(Numbers(8), size=1, batch=8, seed=0, drop_last=True)
    assert len(set(first.images.flatten().tolist())) == 8


def test_a_sample_is_the_same_each_time() -> None:
    chosen = [sample(Numbers(50), number=10, seed=s) for s in (0, 0, 1)]
    first, again, other = (
        labels(batches(one, size=1, batch=5, seed=None, drop_last=False)) for one in chosen
    )
    assert first == again != other
    assert len(sample(Numbers(5), number=10, seed=0)) == 5


def test_a_folder_of_classes_is_divided_by_name(folder: Path) -> None:
    classes, train, val = list_folder(folder, val_part=0.2)
    assert classes == ("cat", "dog")
    assert [label for _, label in val] == [0, 0, 1, 1]
    assert len(train) == 16
    assert not set(train) & set(val)
    assert list_folder(folder, val_part=0.2) == (classes, train, val)


@pytest.mark.parametrize("name", ["val", "test", "validation"])
def test_a_folder_with_both_parts_is_taken_as_it_is(folder: Path, name: str) -> None:
    (folder.parent / "all").mkdir()
    folder.rename(folder.parent / "all/train")
    for i, kind in enumerate(("cat", "dog")):
        photo(folder.parent / f"all/{name}/{kind}/deep/{i}.PNG")
    data = open_data(folder.parent / "all", channels=3)
    assert (len(data.train), len(data.val)) == (20, 2)
    assert [data.val.load(i, size=8, seed=None)[1] for i in range(2)] == [0, 1]


def test_what_is_no_image_by_its_name_is_no_part_of_the_data(folder: Path) -> None:
    for name in (".hidden.jpg", "notes.txt", "cat/notes.txt", "cat/._0.jpg", ".cache/0.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("nothing")
    classes, train, val = list_folder(folder, val_part=0.1)
    assert classes == ("cat", "dog")
    assert len(train) + len(val) == 20


def test_a_limit_takes_of_every_class(folder: Path) -> None:
    data = open_data(folder, channels=3, val_part=0.5, limit=4)
    assert [data.train.load(i, size=8, seed=None)[1] for i in range(4)] == [0, 0, 1, 1]
    assert len(data.val) == 4


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("missing", "OFA180", "cannot be read"),
        ("file", "OFA180", "not a directory"),
        ("no class", "OFA181", "no folder"),
        ("one class", "OFA181", "only cat"),
        ("empty class", "OFA182", "fish has no images"),
        ("other classes", "OFA183", "lacks: dog"),
        ("single image", "OFA184", "fish"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(
    folder: Path, change: str, code: str, words: str
) -> None:
    root = folder
    match change:
        case "missing":
            root = folder / "nothing"
        case "file":
            root = folder / "cat/0.jpg"
        case "no class":
            root = folder / "cat"
        case "one class":
            (folder / "dog").rename(folder.parent / "dog")
        case "empty class":
            (folder / "fish").mkdir()
        case "other classes":
            (folder / "train").mkdir()
            for name in ("cat", "dog"):
                (folder / name).rename(folder / "train" / name)
            photo(folder / "val/cat/0.jpg")
            photo(folder / "val/fish/0.jpg")
        case "single image":
            photo(folder / "fish/0.jpg")
    with pytest.raises(Diagnostics, match=words) as found:
        open_data(root, channels=3)
    assert set(codes(found)) == {code}


def test_the_recipe_follows_from_the_size_of_the_images(folder: Path) -> None:
    def recipe(data: Examples) -> Augment:
        assert isinstance(data, Pictures)
        return data.augment

    assert recipe(open_data(folder, channels=3).train) == SMALL
    for path in folder.rglob("*.jpg"):
        photo(path, 100, 80)
    assert recipe(open_data(folder, channels=3).train) == IMAGENET
    assert recipe(open_data(folder, channels=3, augment=PLAIN).train) == PLAIN


def whole(width: int, height: int) -> tuple[float, float, float, float]:
    return (0, 0, width, height)


def pixels(path: Path, channels: int = 3) -> np.ndarray:
    return np.asarray(decode(path, channels=channels, size=1000, choose=whole)[0])


def test_16_bits_become_8(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "a.tif")
    for name in ("a.png", "a.tif"):
        assert pixels(tmp_path / name, 1).tolist() == [[0, 100, 255]]
        assert pixels(tmp_path / name)[0, 1].tolist() == [100, 100, 100]


def test_alpha_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("LA", (4, 4), (0, 51)).save(tmp_path / "grey.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, 50, 60, 70])
    palette.save(tmp_path / "palette.gif")
    palette.save(tmp_path / "palette.png", transparency=1)
    assert pixels(tmp_path / "clear.png")[0, 0].tolist() == [255, 255, 255]
    assert pixels(tmp_path / "grey.png", 1)[0, 0] == 204
    assert pixels(tmp_path / "palette.gif")[0, 0].tolist() == [50, 60, 70]
    assert pixels(tmp_path / "palette.png")[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("mode", "color", "name"),
    [
        ("CMYK", (0, 255, 255, 0), "a.jpg"),
        ("CMYK", (0, 255, 255, 0), "a.tif"),
        ("YCbCr", (76, 85, 255), "a.jpg"),
        ("RGB", (255, 0, 0), "a.webp"),
    ],
)
def test_red_is_red_in_every_mode(
    tmp_path: Path, mode: str, color: tuple[int, ...], name: str
) -> None:
    Image.new(mode, (16, 16), color).save(tmp_path / name)
    red, green, blue = pixels(tmp_path / name)[8, 8].tolist()
    assert red > 240
    assert max(green, blue) < 15


def test_grey_and_two_colours_are_read(tmp_path: Path) -> None:
    Image.new("1", (4, 4), 1).save(tmp_path / "a.png")
    photo(tmp_path / "b.jpg", mode="L")
    assert pixels(tmp_path / "a.png").min() == 255
    assert pixels(tmp_path / "b.jpg").shape == (30, 40, 3)
    photo(tmp_path / "c.jpg")
    assert pixels(tmp_path / "c.jpg", 1).shape == (30, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_the_camera_turned_is_turned_back(tmp_path: Path, orientation: int) -> None:
    image = Image.new("L", (64, 32))
    image.paste(255, (0, 0, 16, 16))  # a white corner, that of the top left
    held = Image.Transpose
    turns = {2: held.FLIP_LEFT_RIGHT, 3: held.ROTATE_180, 4: held.FLIP_TOP_BOTTOM}
    turns |= {5: held.TRANSPOSE, 6: held.ROTATE_90, 7: held.TRANSVERSE, 8: held.ROTATE_270}
    stored = image.transpose(turns[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif)
    found = pixels(tmp_path / "a.jpg", 1)
    assert found.shape == (32, 64)
    assert found[4, 4] > 200
    assert found[-4:, -4:].max() < 50


def test_exif_that_is_broken_does_no_harm(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "b.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff nonsense")
    assert pixels(tmp_path / "b.jpg").shape == (30, 40, 3)


def test_a_jpeg_is_decoded_without_its_colours_for_grey(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg", 64, 48)
    box = (0, 0, 64, 48)
    found, at = decode(tmp_path / "a.jpg", channels=1, size=48, choose=lambda *_: box)
    assert at == box
    with Image.open(tmp_path / "a.jpg") as image:
        assert most_apart(found, image.convert("L")) <= 3


def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg", 800, 600)
    box = (100, 100, 700, 500)
    small, at = decode(tmp_path / "a.jpg", channels=3, size=100, choose=lambda *_: box)
    large, _ = decode(tmp_path / "a.jpg", channels=3, size=400, choose=lambda *_: box)
    assert (small.size, large.size) == ((200, 150), (800, 600))
    one = np.asarray(small.resize((64, 64), box=at), float)
    other = np.asarray(large.resize((64, 64), box=box), float)
    assert np.abs(one - other).mean() < 2


def huge_png() -> bytes:
    """Return a file that says it has 2.5e9 pixels."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    length, check = struct.pack(">I", len(head)), struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + length + chunk + check + struct.pack(">I", 0) + b"IDAT\0\0\0\0"


def broken_file(kind: str) -> bytes:
    whole_file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole_file, "PNG" if kind == "cut png" else "JPEG")
    match kind:
        case "text":
            return b"this is no image"
        case "empty":
            return b""
        case "bomb":
            return huge_png()
        case "fractions":
            tiff = io.BytesIO()
            Image.fromarray(np.zeros((4, 4), np.float32)).save(tiff, "TIFF")
            return tiff.getvalue()
        case _:
            return whole_file.getvalue()[:2000]


BROKEN = {
    "text": "no image of a known kind",
    "empty": "no image of a known kind",
    "bomb": "pixels",
    "fractions": "fractions",
    "cut jpeg": "truncated",
    "cut png": "truncated",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_image_is_refused_by_name(folder: Path, kind: str) -> None:
    (folder / "cat/3.jpg").write_bytes(broken_file(kind))
    with pytest.raises(BrokenImageError, match=BROKEN[kind]):
        pixels(folder / "cat/3.jpg")
    data = open_data(folder, channels=3)
    everything = itertools.chain(
        *(
            batches(part, size=8, batch=4, seed=0, workers=1, drop_last=False)
            for part in (data.train, data.val)
        )
    )
    with pytest.raises(Diagnostics, match=r"cat/3\.jpg cannot be used") as found:
        list(everything)
    assert codes(found) == ["OFA186"]


def test_a_broken_image_is_skipped_and_named_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "train").mkdir()
    for name in ("cat", "dog"):
        (folder / name).rename(folder / "train" / name)
        for i in range(3):
            photo(folder / f"val/{name}/{i}.jpg")
    for path in ("train/dog/9.jpg", "train/dog/8.jpg", "val/cat/2.jpg"):
        (folder / path).write_bytes(broken_file("cut jpeg"))
    data = open_data(folder, channels=3, broken="skip")
    (train,) = batches(data.train, size=8, batch=20, seed=0, workers=2, drop_last=True)
    assert len(train.labels) == 20  # the last ones are replaced by the first, which are cats
    assert train.labels.sum() == 8
    (val,) = batches(data.val, size=8, batch=20, seed=None, drop_last=False)
    assert val.labels.tolist() == [0, 0, 1, 1, 1]
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == len(set(named)) == 3
    assert all("is skipped" in message for message in named)


def test_images_that_are_all_broken_give_no_batch(folder: Path) -> None:
    for path in folder.rglob("*.jpg"):
        path.write_text("nothing")
    data = open_data(folder, channels=3, broken="skip")
    assert list(batches(data.train, size=8, batch=4, seed=0, drop_last=True)) == []


SIDES = st.integers(1, 400)


@given(SIDES, SIDES, st.integers(0, 99))
def test_a_random_part_is_inside_the_image(width: int, height: int, seed: int) -> None:
    draw = random.Random(seed)
    box = random_box(width, height, scale=IMAGENET.scale, ratio=IMAGENET.ratio, draw=draw)
    assert 0 <= box[0] < box[2] <= width
    assert 0 <= box[1] < box[3] <= height


@given(SIDES, SIDES)
def test_a_plain_part_is_a_square_in_the_middle(width: int, height: int) -> None:
    left, top, right, bottom = centre_box(width, height, 0.875)
    assert right - left == pytest.approx(bottom - top)
    assert left + right == pytest.approx(width)
    assert top + bottom == pytest.approx(height)


def test_a_random_part_has_the_area_that_is_asked_for() -> None:
    draw = random.Random(0)
    for _ in range(50):
        box = random_box(200, 200, scale=(0.25, 0.25), ratio=(0.5, 2), draw=draw)
        assert (box[2] - box[0]) * (box[3] - box[1]) == pytest.approx(10_000, rel=0.02)


@pytest.mark.parametrize("augment", [IMAGENET, SMALL, SIGNS, Augment(layers=2, jitter=0.4)])
def test_an_image_is_augmented_as_its_seed_says(folder: Path, augment: Augment) -> None:
    train = open_data(folder, channels=3, augment=augment).train
    one, again, other, plain = (train.load(0, size=16, seed=s)[0] for s in (1, 1, 2, None))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == plain.shape == (3, 16, 16)


def test_the_plain_recipe_changes_nothing(folder: Path) -> None:
    (folder / "cat/0.jpg").unlink()
    photo(folder / "cat/0.png", 32, 32)
    centre = Augment(scale=(1, 1), ratio=(1, 1), flip=0, centre=1)
    train = open_data(folder, channels=3, augment=centre, val_part=0.01).train
    index = next(i for i in range(18) if str(train.path(i)).endswith("png"))  # type: ignore[attr-defined]
    seen = train.load(index, size=32, seed=5)[0]
    with Image.open(folder / "cat/0.png") as image:
        assert torch.equal(seen, as_bytes(image))
    assert torch.equal(seen, train.load(index, size=32, seed=None)[0])


def test_a_shift_moves_whole_pixels_and_black_in() -> None:
    image = Image.fromarray(np.full((16, 16), 200, np.uint8))
    augment = Augment(flip=0, shift=0.25)
    for seed in range(20):
        moved = np.asarray(augmented(image, augment, random.Random(seed)))
        assert set(np.unique(moved)) <= {0, 200}
        assert (moved == 200).sum() >= 12 * 12


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("number", range(len(_OPERATIONS)))
def test_an_operation_keeps_the_form_of_an_image(mode: str, number: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    for strength in (-1, -0.3, 0, 0.3, 1):
        found = _OPERATIONS[number](image, strength)
        assert (found.mode, found.size) == (mode, (20, 20))


def test_no_magnitude_leaves_colours_and_places_alone() -> None:
    image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    for operation in _OPERATIONS:
        if operation not in _OPERATIONS[1:3]:  # autocontrast and equalize have no strength
            assert np.array_equal(np.asarray(operation(image, 0.0)), np.asarray(image))
    draw = random.Random(0)
    assert jittered(image, 0.0, draw).tobytes() == image.tobytes()
    assert rand_augmented(image, 0, 9, draw) is image


def softly_lit(mode: str) -> Image.Image:
    """Return noise of middle values, which no change by a third clips."""
    noise = np.random.default_rng(0).integers(90, 160, (20, 30, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def most_apart(one: Image.Image, other: Image.Image) -> int:
    assert (one.mode, one.size) == (other.mode, other.size)
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jitter_is_what_pillows_enhancers_make_one_after_the_other(mode: str) -> None:
    image = softly_lit(mode)
    for seed in range(50):
        draw = random.Random(seed)
        enhancers = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
        draw.shuffle(enhancers)
        expected = image
        for enhancer in enhancers:
            expected = enhancer(expected).enhance(1 + draw.uniform(-0.3, 0.3))
        found = jittered(image, 0.3, random.Random(seed))
        assert most_apart(found, expected) <= 4, seed  # each of theirs cuts fractions off


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("strength", [-1, -0.3, 0.5, 1])
def test_sharpening_is_pillows_to_a_level(mode: str, strength: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    (sharpened,) = (found for found in _OPERATIONS if found.__name__ == "_sharpened")
    expected = ImageEnhance.Sharpness(image).enhance(1 + 0.9 * strength)
    assert most_apart(sharpened(image, strength), expected) <= 1


def test_operations_that_move_pixels_mix_none_of_them() -> None:
    image = Image.fromarray(np.indices((16, 16)).sum(0).astype(np.uint8) % 2 * 255)
    moving = _OPERATIONS[-5:]
    for operation in moving:
        found = operation(image, 0.9)
        assert most_apart(found, image) > 0
        assert set(np.unique(np.asarray(found))) <= {0, 128, 255}


def test_pixels_are_normalised_by_imagenet() -> None:
    values = normalised(as_bytes(Image.new("RGB", (2, 2), (255, 0, 51))))
    expected = [(v - m) / s for v, m, s in zip((1, 0, 0.2), MEAN[3], STD[3], strict=True)]
    torch.testing.assert_close(values[:, 0, 0], torch.tensor(expected))
