"""How fast a worker makes training images, against Pillow's decode and resize of the same files.

What a worker does beside that, it must gain back: cropping, flipping, changing colours. The process
that it works for makes numbers of the bytes, a batch at a time.
The images are made here, as large as those of ImageNet mostly are, with as much in them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from measure import in_turns, show, start
from PIL import Image

from ofadsl.train.data.augment import IMAGENET, Augment
from ofadsl.train.data.batches import batches
from ofadsl.train.data.open import open_data
from ofadsl.train.data.source import Examples

IMAGES, WIDTH, HEIGHT, SIZE = 48, 500, 375, 224
RECIPES = {
    "crop and flip": IMAGENET,
    "crop, flip and jitter": Augment(jitter=0.4),
    "crop, flip and RandAugment of 2": Augment(layers=2),
}


def main() -> None:
    options = start(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        paths = [write(Path(folder), i) for i in range(IMAGES)]
        each = sum(path.stat().st_size for path in paths) / IMAGES / 1024
        print(f"{IMAGES} JPEGs of {WIDTH} x {HEIGHT} pixels, {each:.0f} KiB each, to {SIZE} pixels")
        train = {
            name: open_data(folder, channels=3, augment=recipe, val_part=0.01).train
            for name, recipe in RECIPES.items()
        }
        files = [train["crop and flip"].path(i) for i in range(IMAGES - 2)]  # type: ignore[attr-defined]
        runs = {"Pillow": lambda: [plain(path) for path in files]}
        runs |= {name: lambda one=one: load(one) for name, one in train.items()}
        runs["in batches"] = lambda: batched(train["crop and flip"])
        times = in_turns(runs, options.turns, warm_up=1)
    print(f"Pillow: {len(files) / times.ms('Pillow') * 1e3:.0f} images a second")
    what = "rate of a worker : rate of Pillow"
    for name in RECIPES:
        show(f"{what}, {name}", times.ratio("Pillow", name), at_least=0.9)
    show("the same with batches made and normalised here", times.ratio("Pillow", "in batches"))


def write(folder: Path, number: int) -> Path:
    """Write an image with structure of every size, as photographs have, and return its path."""
    draw = np.random.default_rng(number)
    whole = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cells in (4, 12, 36, 108, 324):
        noise = draw.normal(0, 80 / cells**0.5, (cells * 3 // 4, cells, 3)).astype(np.float32)
        layers = [
            Image.fromarray(noise[..., c]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            for c in range(3)
        ]
        whole += np.stack([np.asarray(layer) for layer in layers], -1)
    path = folder / f"class{number % 2}" / f"{number}.jpg"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray((whole + 128).clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return path


def plain(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)


def load(train: Examples) -> None:
    for index in range(len(train)):
        train.load(index, size=SIZE, seed=index)


def batched(train: Examples) -> None:
    for _ in batches(train, size=SIZE, batch=len(train) // 2, seed=0, drop_last=True):
        pass


if __name__ == "__main__":
    main()
