"""OFA-MobileNetV3 and OFA-ProxylessNAS: ``{"ks": [...], "e": [...], "d": [...], "r": 224}``.

One kernel size and one expand ratio for each slot, one depth for each stage (Cai et al. 2020).
Slots beyond a stage's depth are there, and have no effect. Checkpoints differ in how deep the
static layers are nested and in the name of a block's body; one table reads them all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from ofadsl.arch_form import Blocks, Check, OneOf, Stage, specs
from ofadsl.choices import Arch
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.interop.family import Decoded, Family, Renamed
from ofadsl.specialize.interop.lists import pick_resolution, read_list

_CHOICES = {"ks": "kernel", "e": "expand"}
"""Each list of the encoding and the choice of our blocks that it holds."""


def is_arch(keys: Collection[str]) -> bool:
    """Return whether a mapping with these keys is such an encoding."""
    return "ks" in keys and not {"stages", "space"} & set(keys)


def decode(data: Mapping[str, object], arch: type[Arch], resolution: int | None) -> Decoded:
    """Return the arch, its resolution from ``r``, from ``resolution`` or the largest there is."""
    check = Check()
    notes = []
    for key in data:
        if key not in ("ks", "e", "d", "r", "wid"):
            check.add("OFA082", f"{str(key)[:80]} is no key of an OFA arch", help=_FORM)
    if data.get("wid") is not None:
        notes.append("wid is ignored: the width of a space is a parameter of the space")
    stages = {n: s.cls for n, s in specs(arch).items() if isinstance(s, Stage)}
    sizes = [len(_slots(cls)) for cls in stages.values()]
    depths = _slots_of(check, "d", data, len(stages), "stages")
    lists = {key: _slots_of(check, key, data, sum(sizes), "slots") for key in _CHOICES}
    read: dict[str, object] = {}
    start = 0
    for i, (name, cls) in enumerate(stages.items()):
        depth = _depth(check, i, depths, cls)
        slots = [slot for slot, _ in zip(_slots(cls), range(depth), strict=False)]
        blocks = [_block(check, start + j, lists, slot) for j, slot in enumerate(slots)]
        read[name] = {"depth": depth, "blocks": blocks}
        start += sizes[i]
    form: dict[str, object] = {"space": arch.space, "stages": read}
    if "resolution" in specs(arch):
        form["resolution"], said = pick_resolution(check, data, "r", arch, resolution)
        notes += said
    if check.report:
        raise Diagnostics(check.report)
    return Decoded(arch=arch.from_dict(form), notes=tuple(notes))


_FORM = 'an OFA arch is {"ks": [...], "e": [...], "d": [...], "r": 224}'


def _slots(stage: type) -> Sequence[type]:
    """Return the class of each block that a stage can have."""
    declared = specs(stage)
    blocks = next((s for s in declared.values() if isinstance(s, Blocks)), None)
    depth = declared.get("depth")
    if blocks is None:
        return ()
    count = max(map(int, depth.values)) if isinstance(depth, OneOf) else len(blocks.classes)
    return [blocks.at(i) for i in range(count)]


def _slots_of(
    check: Check, key: str, data: Mapping[str, object], length: int, what: str
) -> Sequence[object] | None:
    rule = f"this space has {length} {what}"
    help = "give one entry for each, also for slots that the depth leaves out"
    return read_list(check, key, data, length, _FORM, rule=rule, help=help)


def _depth(check: Check, index: int, depths: Sequence[object] | None, stage: type) -> int:
    spec = specs(stage).get("depth")
    if depths is None or not isinstance(spec, OneOf):
        return len(_slots(stage)) if depths is not None else 0
    if len(spec.values) == 1:  # a stage of one depth: what the encoding says has no effect
        return int(spec.values[0])
    found = check.value(f"d[{index}]", depths[index], spec)
    return found if isinstance(found, int) else 0


def _block(
    check: Check, slot: int, lists: Mapping[str, Sequence[object] | None], cls: type
) -> dict[str, object]:
    """Return the choices of one block, by their names in JSON."""
    values: dict[str, object] = {}
    for key, choice in _CHOICES.items():
        found = lists[key]
        spec = next((s for s in specs(cls).values() if _holds(s, choice)), None)
        if found is not None and isinstance(spec, OneOf):
            values[spec.json] = check.value(f"{key}[{slot}]", found[slot], spec)
    return values


def _holds(spec: object, choice: str) -> bool:
    return isinstance(spec, OneOf) and spec.json.rpartition(".")[2] == choice


def is_checkpoint(keys: Collection[str]) -> bool:
    """Return whether a state dict with these keys is of this family."""
    return any(key.startswith("first_conv.") for key in keys) and any(
        key.startswith("blocks.0.") and ".depth_conv." in key for key in keys
    )


# A group of the pattern is what is filled in; of several names the first that we have is taken,
# so that a space may nest a layer or not.
_STATIC: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"first_conv\.(?:conv\.)+(weight)", ("stem.conv", "stem")),
    (r"first_conv\.(?:bn\.)+(\w+)", ("stem.bn", "stem_bn")),
    (r"final_expand_layer\.(?:conv\.)+(weight)", ("expand.conv", "expand")),
    (r"final_expand_layer\.(?:bn\.)+(\w+)", ("expand.bn", "expand_bn")),
    (r"feature_mix_layer\.(?:conv\.)+(weight)", ("mix", "mix.conv")),
    (r"feature_mix_layer\.(?:bn\.)+(\w+)", ("mix_bn", "mix.bn")),
    (r"classifier\.(?:linear\.)+(weight|bias)", ("head", "head.linear")),
)
_BLOCK: tuple[tuple[str, str], ...] = (
    (r"inverted_bottleneck\.(?:conv\.)+(weight)", "expand.{}"),
    (r"inverted_bottleneck\.(?:bn\.)+(\w+)", "expand_bn.{}"),
    (r"depth_conv\.(?:conv\.)+(weight)", "depthwise.{}"),
    (r"depth_conv\.(?:conv\.)+(\d+to\d+)_matrix", "depthwise.transform_{}"),
    (r"depth_conv\.(?:bn\.)+(\w+)", "depthwise_bn.{}"),
    (r"depth_conv\.se\.fc\.(reduce|expand)\.(weight|bias)", "se.{}_{}"),
    (r"point_linear\.(?:conv\.)+(weight)", "project.{}"),
    (r"point_linear\.(?:bn\.)+(\w+)", "project_bn.{}"),
)


def rename(foreign: Collection[str], ours: Collection[str]) -> Renamed:
    """Return where each of our tensors is in a checkpoint of the family."""
    expected = set(ours)
    blocks = ["first", *_elastic_blocks(ours)]
    keys: dict[str, str] = {}
    ignored, unknown = [], []
    for key in foreign:
        names = list(_names(key, blocks))
        name = next((n for n in names if n in expected), names[0] if names else None)
        stray = key.endswith("_matrix") and name not in expected
        if key.endswith("num_batches_tracked") or stray:  # CompOFA leaves matrices that none uses
            ignored.append(key)
        elif name is None:
            unknown.append(key)
        else:
            keys[name] = key
    return Renamed(keys=keys, ignored=tuple(ignored), unknown=tuple(unknown))


def _elastic_blocks(ours: Collection[str]) -> list[str]:
    found = {m[0]: (int(m[1]), int(m[2])) for k in ours if (m := re.match(r"s(\d+)\.(\d+)", k))}
    return sorted(found, key=lambda prefix: found[prefix])


def _names(key: str, blocks: Sequence[str]) -> Iterator[str]:
    """Yield what ``key`` may be called in a supernet of ours, the likeliest first."""
    block = re.fullmatch(r"blocks\.(\d+)\.(?:mobile_inverted_)?conv\.(.+)", key)
    if block and int(block[1]) < len(blocks):
        for pattern, name in _BLOCK:
            if match := re.fullmatch(pattern, block[2]):
                yield f"{blocks[int(block[1])]}.{name.format(*match.groups())}"
    for pattern, names in _STATIC:
        if match := re.fullmatch(pattern, key):
            yield from (f"{name}.{match[1]}" for name in names)


FAMILY = Family(
    name="OFA-MobileNetV3 or OFA-ProxylessNAS",
    is_arch=is_arch,
    choices=r"resolution|\w+\.depth|\w+\.blocks\.(?:.+\.)?(?:kernel|expand)",
    needed=(),
    decode=decode,
    is_checkpoint=is_checkpoint,
    rename=rename,
)
