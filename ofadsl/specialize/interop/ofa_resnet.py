"""OFA-ResNet50D: ``{"d": [5], "e": [18], "w": [6]}``.

``d`` says how many blocks each stage has beyond its fewest, its first entry whether the stem has
its middle layer (2: yes); ``e`` one expand ratio a slot; ``w`` which of three widths the stem's
two layers and the four stages have (Cai et al. 2020).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ofadsl.arch_form import Check, OneOf, specs
from ofadsl.choices import Arch
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.interop.family import Decoded, Family, Renamed
from ofadsl.specialize.interop.lists import (
    Rules,
    numbered_blocks,
    pick_resolution,
    read_list,
    renamed,
    stage_classes,
)

_FORM = 'an OFA-ResNet arch is {"d": [5 entries], "e": [18], "w": [6], "r": 224}'
_STAGES = ("s1", "s2", "s3", "s4")
_NEEDED = tuple(f"{s}.{key}" for s in _STAGES for key in ("depth", "width", "blocks.expand"))


def is_arch(keys: Collection[str]) -> bool:
    """Return whether a mapping with these keys is such an encoding."""
    return {"d", "e", "w"} <= set(keys) and not {"ks", "stages", "space"} & set(keys)


def decode(data: Mapping[str, object], arch: type[Arch], resolution: int | None) -> Decoded:
    """Return the arch that the three lists describe."""
    check = Check()
    for key in data:
        if key not in ("d", "e", "w", "r", "image_size"):
            check.add("OFA082", f"{str(key)[:80]} is no key of an OFA-ResNet arch", help=_FORM)
    stages = stage_classes(arch)
    slots = [max(_depths(stages[name])) for name in _STAGES]
    depths = read_list(check, "d", data, 1 + len(_STAGES), _FORM)
    expands = read_list(check, "e", data, sum(slots), _FORM)
    widths = read_list(check, "w", data, 2 + len(_STAGES), _FORM)
    size, notes = pick_resolution(check, data, "r", arch, resolution)
    if check.report or depths is None or expands is None or widths is None:
        raise Diagnostics(check.report)
    ratios = [_ratio(check, arch, i, found) for i, found in enumerate(widths)]
    more = [_of(check, f"d[{i}]", found, (0, 1, 2)) for i, found in enumerate(depths)]
    if check.report:
        raise Diagnostics(check.report)
    form: dict[str, object] = {"stem_deep": {"depth": int(more[0] == 2)}}
    start = 0
    for i, name in enumerate(_STAGES):
        depth = min(_depths(stages[name])) + more[i + 1]
        blocks = [{"expand": expands[start + b]} for b in range(depth)]
        form[name] = {"depth": depth, "width": ratios[i + 2], "blocks": blocks}
        start += slots[i]
    choices = {"stem_mid": ratios[0], "stem_out": ratios[1]}
    whole = {"space": arch.space, "resolution": size, "stages": form, "choices": choices}
    return Decoded(arch=arch.from_dict(whole), notes=notes)


def _depths(stage: type) -> Sequence[int]:
    spec = specs(stage)["depth"]
    assert isinstance(spec, OneOf)
    return [int(v) for v in spec.values]


def _of(check: Check, path: str, found: object, values: tuple[int, ...]) -> int:
    value = check.value(path, found, OneOf(json=path, values=values))
    return value if isinstance(value, int) else values[0]


def _ratio(check: Check, arch: type[Arch], index: int, found: object) -> object:
    """Return the width ratio of an index 0, 1 or 2."""
    spec = specs(arch)["stem_mid"]
    assert isinstance(spec, OneOf)
    return spec.values[_of(check, f"w[{index}]", found, (0, 1, 2))]


def is_checkpoint(keys: Collection[str]) -> bool:
    """Return whether a state dict with these keys is of this family."""
    return any(k.startswith("input_stem.0.") for k in keys) and any(".conv1." in k for k in keys)


def rename(foreign: Collection[str], ours: Collection[str]) -> Renamed:
    """Return where each of our tensors is in a checkpoint of the family."""
    rules: Rules = (
        *_layer(r"input_stem\.0", "stem.conv", "stem.bn"),
        *_layer(r"input_stem\.1\.conv", "stem_deep.0.conv_bn.conv", "stem_deep.0.conv_bn.bn"),
        *_layer(r"input_stem\.2", "stem_last.conv", "stem_last.bn"),
        (r"classifier\.(?:linear\.)+(weight|bias)", r"head.\1"),
    )
    for number, block in enumerate(numbered_blocks(ours, _STAGES)):
        for part in ("conv1", "conv2", "conv3", "downsample"):
            name = f"{block}.{part}"
            rules += _layer(rf"blocks\.{number}\.{part}", name, f"{name}_bn")
    return renamed(foreign, ours, rules, r"num_batches_tracked$")


def _layer(path: str, conv: str, bn: str) -> Rules:
    return (
        (rf"{path}\.(?:conv\.)+weight", f"{conv}.weight"),
        (rf"{path}\.(?:bn\.)+(weight|bias|running_mean|running_var)", rf"{bn}.\1"),
    )


FAMILY = Family(
    name="OFA-ResNet50D",
    is_arch=is_arch,
    choices=r"resolution|stem_mid|stem_out|stem_deep\.depth|s[1-4]\.(?:depth|width|blocks\.expand)",
    needed=("resolution", "stem_mid", "stem_out", "stem_deep.depth", *_NEEDED),
    decode=decode,
    is_checkpoint=is_checkpoint,
    rename=rename,
)
