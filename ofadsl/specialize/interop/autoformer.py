"""AutoFormer: ``{"layer_num": 13, "mlp_ratio": [...], "num_heads": [...], "embed_dim": [...]}``.

One ratio and one number of heads for each layer (Chen et al. 2021). The width is given for each
layer as well, and is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ofadsl.arch_form import Blocks, Check, OneOf, show, specs
from ofadsl.choices import Arch
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.interop.family import Decoded, Family, Renamed
from ofadsl.specialize.interop.lists import (
    Rules,
    entry,
    pick_resolution,
    read_list,
    renamed,
    stage_classes,
)

_LISTS = {"mlp_ratio": "ratio", "num_heads": "heads"}
"""Each list of the encoding and the choice of our layers that it holds."""
_FORM = 'such an arch is {"layer_num": 13, "mlp_ratio": [13 entries], "num_heads": [13], ...}'


def is_arch(keys: Collection[str]) -> bool:
    """Return whether a mapping with these keys is such an encoding."""
    return "layer_num" in keys and not {"stages", "space"} & set(keys)


def decode(data: Mapping[str, object], arch: type[Arch], resolution: int | None) -> Decoded:
    """Return the arch that the lists describe."""
    check = Check()
    for key in data:
        if key not in ("layer_num", "embed_dim", "resolution", *_LISTS):
            check.add("OFA082", f"{str(key)[:80]} is no key of such an arch", help=_FORM)
    layers, embed = stage_classes(arch)["layers"], specs(arch)["embed"]
    assert isinstance(embed, OneOf)
    depth = _depth(check, data, layers)
    rule, help = f"layer_num is {depth}", "give one entry for each layer"
    lists = {
        key: read_list(check, key, data, depth or None, _FORM, rule=rule, help=help)
        for key in (*_LISTS, "embed_dim")
    }
    blocks = [_layer(check, i, lists, layers) for i in range(depth)]
    size, notes = pick_resolution(check, data, "resolution", arch, resolution)
    width = _width(check, lists["embed_dim"], embed)
    if check.report:
        raise Diagnostics(check.report)
    form = {
        "space": arch.space,
        "resolution": size,
        "choices": {"embed": width},
        "stages": {"layers": {"depth": depth, "blocks": blocks}},
    }
    return Decoded(arch=arch.from_dict(form), notes=notes if _has_resolutions(arch) else ())


def _has_resolutions(arch: type[Arch]) -> bool:
    spec = specs(arch)["resolution"]
    return isinstance(spec, OneOf) and len(spec.values) > 1


def _depth(check: Check, data: Mapping[str, object], layers: type) -> int:
    found = entry(check, "layer_num", data["layer_num"], layers, "depth")
    return found if isinstance(found, int) else 0


def _layer(
    check: Check, index: int, lists: Mapping[str, Sequence[object] | None], layers: type
) -> dict[str, object]:
    """Return the choices of one layer."""
    blocks = specs(layers)["blocks"]
    assert isinstance(blocks, Blocks)
    return {
        choice: entry(check, f"{key}[{index}]", found[index], blocks.at(index), choice)
        for key, choice in _LISTS.items()
        if (found := lists[key]) is not None
    }


def _width(check: Check, found: Sequence[object] | None, embed: OneOf) -> object:
    if not found:
        return None
    other = next((i for i, width in enumerate(found) if width != found[0]), None)
    if other is not None:
        message = f"embed_dim[{other}] is {show(found[other])}, embed_dim[0] is {show(found[0])}"
        check.add("OFA080", message, help="all layers of a subnet have one width")
    return check.value("embed_dim[0]", found[0], embed)


def is_checkpoint(keys: Collection[str]) -> bool:
    """Return whether a state dict with these keys is of this family."""
    return any(key.startswith("patch_embed_super.") for key in keys)


_LAYER = r"blocks\.(\d+)"
_NAMES: Rules = (
    (r"pos_embed", "position.table"),
    (r"cls_token", "class_token.token"),
    (r"patch_embed_super\.proj\.(weight|bias)", r"patches.\1"),
    (r"(norm|head)\.(weight|bias)", r"\1.\2"),
    (rf"{_LAYER}\.attn_layer_norm\.(weight|bias)", r"layers.\1.attention_norm.\2"),
    (rf"{_LAYER}\.attn\.(qkv|proj)\.(weight|bias)", r"layers.\1.attention.\2_\3"),
    *(
        (
            rf"{_LAYER}\.attn\.rel_pos_embed_{part[0]}\.embeddings_table_{axis[0]}",
            rf"layers.\1.attention.{part}_{axis}",
        )
        for part in ("key", "value")
        for axis in ("vertical", "horizontal")
    ),
    (rf"{_LAYER}\.ffn_layer_norm\.(weight|bias)", r"layers.\1.mlp_norm.\2"),
    (rf"{_LAYER}\.fc1\.(weight|bias)", r"layers.\1.expand.\2"),
    (rf"{_LAYER}\.fc2\.(weight|bias)", r"layers.\1.project.\2"),
)


def rename(foreign: Collection[str], ours: Collection[str]) -> Renamed:
    """Return where each of our tensors is in a checkpoint of the family."""
    return renamed(foreign, ours, _NAMES, r"num_batches_tracked$")


FAMILY = Family(
    name="AutoFormer",
    is_arch=is_arch,
    choices=r"resolution|embed|layers\.depth|layers\.blocks\.(?:ratio|heads)",
    needed=("resolution", "embed", "layers.depth", "layers.blocks.ratio", "layers.blocks.heads"),
    decode=decode,
    is_checkpoint=is_checkpoint,
    rename=rename,
)
