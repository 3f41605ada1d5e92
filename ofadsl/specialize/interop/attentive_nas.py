"""AttentiveNAS and AlphaNet: ``{"resolution", "width": [9], "kernel_size": [7], ...}``.

Every list has one entry a stage; ``width`` begins with the stem and ends with the last
convolution (Wang et al. 2021). Checkpoints hold a shortcut convolution in every block, also where
no subnet uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ofadsl.arch_form import Check, OneOf, specs
from ofadsl.choices import Arch
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.interop.family import Decoded, Family, Renamed
from ofadsl.specialize.interop.lists import (
    Rules,
    entry,
    numbered_blocks,
    pick_resolution,
    read_list,
    renamed,
    stage_classes,
)

_LISTS = {"kernel_size": "kernel", "expand_ratio": "expand", "depth": "depth"}
_FORM = 'such an arch is {"resolution": 224, "width": [9 entries], "kernel_size": [7], ...}'


def is_arch(keys: Collection[str]) -> bool:
    """Return whether a mapping with these keys is such an encoding."""
    return {"kernel_size", "expand_ratio"} <= set(keys)


def decode(data: Mapping[str, object], arch: type[Arch], resolution: int | None) -> Decoded:
    """Return the arch that the lists describe."""
    check = Check()
    notes = _other_keys(check, data)
    stages = stage_classes(arch)
    widths = read_list(check, "width", data, len(stages) + 2, _FORM)
    lists = {key: read_list(check, key, data, len(stages), _FORM) for key in _LISTS}
    form: dict[str, object] = {}
    for i, (name, cls) in enumerate(stages.items()):
        stage = {}
        for key, choice in _LISTS.items():
            found = lists[key]
            if found is not None:
                stage[choice] = entry(check, f"{key}[{i}]", found[i], cls, choice)
        if widths is not None:
            stage["width"] = entry(check, f"width[{i + 1}]", widths[i + 1], cls, "width")
        form[name] = {key: value for key, value in stage.items() if value is not None}
    size, said = pick_resolution(check, data, "resolution", arch, resolution)
    ends = {}
    if widths is not None:
        for path, place, name in (("width[0]", 0, "stem_width"), ("width[8]", -1, "last_width")):
            spec = specs(arch)[name]
            assert isinstance(spec, OneOf)
            ends[name] = check.value(path, widths[place], spec)
    if check.report:
        raise Diagnostics(check.report)
    whole = {"space": arch.space, "resolution": size, "stages": form, "choices": ends}
    return Decoded(arch=arch.from_dict(whole), notes=notes + said)


def _other_keys(check: Check, data: Mapping[str, object]) -> tuple[str, ...]:
    """Report keys that mean nothing here; return notes on those that training scripts add."""
    notes: tuple[str, ...] = ()
    for key in data:
        if key in ("bn_tracking", "net_id"):
            notes += (f"{key} is ignored: it says nothing of the arch",)
        elif key not in (*_LISTS, "width", "resolution"):
            check.add("OFA082", f"{str(key)[:80]} is no key of such an arch", help=_FORM)
    return notes


def is_checkpoint(keys: Collection[str]) -> bool:
    """Return whether a state dict with these keys is of this family."""
    return any("last_conv.final_expand_layer." in key for key in keys)


def rename(foreign: Collection[str], ours: Collection[str]) -> Renamed:
    """Return where each of our tensors is in a checkpoint of the family."""
    tensors = "weight|bias|running_mean|running_var"
    rules: Rules = (
        (r"first_conv\.(?:conv\.)+weight", "stem.conv.weight"),
        (rf"first_conv\.(?:bn\.)+({tensors})", r"stem.bn.\1"),
        (r"last_conv\.final_expand_layer\.(?:conv\.)+weight", "expand.conv.weight"),
        (rf"last_conv\.final_expand_layer\.(?:bn\.)+({tensors})", r"expand.bn.\1"),
        (r"last_conv\.feature_mix_layer\.(?:conv\.)+weight", "mix.weight"),
        (r"classifier\.(?:linear\.)+(weight|bias)", r"head.\1"),
    )
    parts = {"inverted_bottleneck": "expand", "depth_conv": "depthwise", "point_linear": "project"}
    stages = list(dict.fromkeys(key.partition(".")[0] for key in ours if key.startswith("mb")))
    for number, block in enumerate(numbered_blocks(ours, stages)):
        body = rf"blocks\.{number}\.(?:mobile_inverted_)?conv"
        for part, name in parts.items():
            rules += (
                (rf"{body}\.{part}\.(?:conv\.)+weight", f"{block}.{name}.weight"),
                (rf"{body}\.{part}\.(?:bn\.)+({tensors})", rf"{block}.{name}_bn.\1"),
            )
        rules += (
            (rf"{body}\.depth_conv\.se\.fc\.(\w+)\.(weight|bias)", rf"{block}.se.\1_\2"),
            (rf"blocks\.{number}\.shortcut\.(?:conv\.)+weight", f"{block}.skip.weight"),
        )
    return renamed(foreign, ours, rules, r"num_batches_tracked$|\.shortcut\.|bn_tracking")


FAMILY = Family(
    name="AttentiveNAS or AlphaNet",
    is_arch=is_arch,
    choices=r"resolution|stem_width|last_width|\w+\.(?:depth|width|kernel|expand)",
    needed=("resolution", "stem_width", "last_width"),
    decode=decode,
    is_checkpoint=is_checkpoint,
    rename=rename,
)
