"""Bundles: what is shared, what a thread sees, when a policy switches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ofadsl.deploy.folding import fold_at_run_time
from ofadsl.deploy.policy import Limits, Policy, Reading
from ofadsl.deploy.sharing import share, view


def test_prefixes_are_stored_once_and_found_again() -> None:
    whole = torch.randn(8, 6, 1, 1)
    states = [{"w": whole[:8, :3].clone()}, {"w": whole[:4, :6].clone()}, {"w": whole[:2, :2]}]
    shared = share(states)
    assert list(shared.masters) == ["w"]
    for state, places in zip(states, shared.places, strict=True):
        assert torch.equal(view(shared.masters, places["w"]), state["w"])


def test_tensors_that_disagree_are_stored_apart() -> None:
    states = [{"w": torch.ones(4, 4)}, {"w": torch.zeros(2, 2)}, {"w": torch.ones(3, 1)}]
    shared = share(states)
    assert {name: tuple(one.shape) for name, one in shared.masters.items()} == {
        "w": (4, 4),
        "w#1": (2, 2),
    }
    for state, places in zip(states, shared.places, strict=True):
        assert torch.equal(view(shared.masters, places["w"]), state["w"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_tensors_that_differ_in_the_last_bit_are_stored_apart(dtype: torch.dtype) -> None:
    one = torch.full((4, 4), 3, dtype=dtype)
    other = one[:2].clone()
    other.view(torch.uint8)[0, 0] += 1
    assert torch.allclose(one[:2].double(), other.double(), rtol=0.5)
    shared = share([{"w": one}, {"w": other}])
    assert len(shared.masters) == 2
    assert torch.equal(view(shared.masters, shared.places[1]["w"]), other)


def test_kernels_of_different_sizes_are_stored_apart() -> None:
    states = [{"w": torch.zeros(4, 1, 3, 3)}, {"w": torch.zeros(8, 1, 5, 5)}]
    assert len(share(states).masters) == 2


def test_a_tensor_that_only_some_have_is_kept() -> None:
    shared = share([{"a": torch.ones(2)}, {"b": torch.ones(3)}])
    assert set(shared.masters) == {"a", "b"}
    assert [set(places) for places in shared.places] == [{"a"}, {"b"}]


@pytest.mark.parametrize("names", [(), ("0.weight",)], ids=["own", "shared"])
def test_folding_at_run_time_keeps_the_function(names: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=True), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1)
    )
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d)
    for tensor in (norm.running_mean, norm.weight, norm.bias):
        nn.init.normal_(tensor)  # type: ignore[arg-type]
    net.eval()
    x = torch.randn(2, 3, 9, 9)
    folded = fold_at_run_time(net, names)
    torch.testing.assert_close(folded(x), net(x))
    assert not any(isinstance(one, nn.BatchNorm2d) for one in folded.modules())


@pytest.mark.parametrize("side", [1, 2, 12], ids=["a pixel", "few pixels", "many pixels"])
@pytest.mark.parametrize("whole", [True, False], ids=["together", "apart"])
@pytest.mark.parametrize("normed", [True, False], ids=["normed", "plain"])
def test_a_part_of_a_larger_tensor_convolves_as_a_tensor_of_its_own(
    side: int, whole: bool, normed: bool
) -> None:
    torch.manual_seed(0)
    master = torch.randn(12, 20, 1, 1).contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(20 if whole else 16, 8, 1, bias=not normed)
    conv.weight = nn.Parameter(master[:8, : conv.in_channels])
    net = nn.Sequential(conv, nn.BatchNorm2d(8) if normed else nn.Identity())
    for tensor in net[1].state_dict().values():
        if tensor.ndim:
            tensor.uniform_(0.5, 1.5)
    net.eval()
    x = torch.randn(2, conv.in_channels, side, side)
    x = x.contiguous(memory_format=torch.channels_last)
    folded = fold_at_run_time(net, {"0.weight"})
    torch.testing.assert_close(folded(x), net(x))
    assert folded.get_submodule("0").weight.data_ptr() == master.data_ptr()


def test_a_batch_norm_that_follows_no_convolution_stays() -> None:
    net = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)).eval()
    folded = fold_at_run_time(net, ())
    assert any(isinstance(one, nn.BatchNorm2d) for one in folded.modules())


@pytest.mark.parametrize(
    "pair",
    [
        (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(4)),
        (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)),
        (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
    ],
    ids=["padding", "affine", "statistics"],
)
def test_what_is_no_convolution_with_other_weights_stays(pair: tuple[nn.Module, ...]) -> None:
    net = nn.Sequential(*pair).eval()
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(fold_at_run_time(net, ())(x), net(x))


def test_a_convolution_that_pads_by_name_is_folded() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding="same"), nn.BatchNorm2d(4)).eval()
    x = torch.randn(2, 3, 6, 6)
    folded = fold_at_run_time(net, ())
    torch.testing.assert_close(folded(x), net(x))
    assert not any(isinstance(one, nn.BatchNorm2d) for one in folded.modules())


NAN = float("nan")
NAMES = ("large", "middle", "small")


def test_a_full_battery_takes_the_best_and_an_empty_one_the_cheapest() -> None:
    policy = Policy(NAMES)
    assert policy.decide(Reading(battery=1.0), now=0) == "large"
    assert policy.decide(Reading(battery=0.4), now=1) == "middle"
    assert policy.decide(Reading(battery=0.1), now=2) == "small"


def test_the_strictest_input_decides() -> None:
    policy = Policy(NAMES)
    assert policy.decide(Reading(battery=1.0, load=0.95), now=0) == "small"


def test_a_charging_battery_asks_for_nothing() -> None:
    policy = Policy(NAMES)
    assert policy.decide(Reading(battery=0.05, charging=True), now=0) == "large"


def test_missing_inputs_keep_the_choice() -> None:
    policy = Policy(NAMES)
    policy.decide(Reading(battery=0.1), now=0)
    for now in (1, 100, 1000):
        assert policy.decide(Reading(), now=now) == "small"
    assert policy.decide(Reading(load=0.1), now=1001) == "small"  # patience begins here


def test_a_reading_that_is_no_number_is_missing() -> None:
    assert Policy(NAMES).decide(Reading(battery=NAN, load=0.95), now=0) == "small"
    policy = Policy(NAMES)
    policy.decide(Reading(battery=0.1), now=0)
    seen = {policy.decide(Reading(battery=NAN, load=NAN), now=now) for now in range(60)}
    assert seen == {"small"}


def test_patience_begins_anew_when_the_clock_is_set_back() -> None:
    policy = Policy(NAMES, Limits(patience=5.0))
    policy.decide(Reading(load=0.95), now=1000)
    assert policy.decide(Reading(load=0.1), now=1001) == "small"
    assert policy.decide(Reading(load=0.1), now=10) == "small"
    assert policy.decide(Reading(load=0.1), now=14) == "small"
    assert policy.decide(Reading(load=0.1), now=15) == "large"


def test_a_dearer_subnet_waits_for_margin_and_patience() -> None:
    policy = Policy(NAMES, Limits(margin=0.05, patience=5.0))
    policy.decide(Reading(load=0.95), now=0)
    assert policy.decide(Reading(load=0.1), now=10) == "small"
    assert policy.decide(Reading(load=0.1), now=14) == "small"
    assert policy.decide(Reading(load=0.1), now=15) == "large"


def test_a_reading_that_hovers_does_not_flap() -> None:
    policy = Policy(NAMES)
    limit = policy.limits.busy
    seen = [
        policy.decide(Reading(load=limit + 0.01 * (-1) ** step), now=step) for step in range(60)
    ]
    assert set(seen[1:]) == {"small"}


@pytest.mark.parametrize("kind", ["load", "battery"])
def test_a_reading_within_the_margin_of_its_threshold_brings_no_dearer_subnet(kind: str) -> None:
    def taken(policy: Policy, value: float, now: int = 0) -> str:
        return policy.decide(Reading(**{kind: value if kind == "load" else 1 - value}), now=now)

    threshold = next(i / 1000 for i in range(1001) if taken(Policy(NAMES), i / 1000) == "small")

    def after_a_minute(distance: float) -> str:
        policy = Policy(NAMES, Limits(margin=0.05, patience=5.0))
        assert taken(policy, threshold) == "small"
        return [taken(policy, threshold - distance, now) for now in range(60)][-1]

    assert after_a_minute(0.01) == after_a_minute(0.045) == "small"
    assert after_a_minute(0.055) == "middle"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_every_level_is_reached_in_order(count: int) -> None:
    names = [str(i) for i in range(count)]
    policy = Policy(names)
    seen = [policy.decide(Reading(battery=1 - step / 1000), now=step) for step in range(1001)]
    assert list(dict.fromkeys(seen)) == names


def test_a_policy_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="among none"):
        Policy(())
    with pytest.raises(ValueError, match="empty is below full"):
        Policy(NAMES, Limits(empty=0.7))
    with pytest.raises(ValueError, match="empty is below full"):
        Policy(NAMES, Limits(full=NAN))
    with pytest.raises(ValueError, match="0 or more"):
        Policy(NAMES, Limits(margin=-0.1))
