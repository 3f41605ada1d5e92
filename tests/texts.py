"""A realistic text of the language, and ways to spoil it."""

from __future__ import annotations

from hypothesis import strategies as st

MBV3 = """\
# The space of Once-for-All (Cai et al. 2020).
space mbv3(width = 1.0 of {1.0, 1.2}, classes = 1000) {
  input image(channels: 3, size: 128..224 step 4)  # an elastic resolution
  default bn(eps: 1e-5, momentum: 0.1)
  let k = {3, 5, 7}
  let e = {3, 4, 6}
  let w(c) = divisible(c * width, 8)

  stem: conv_bn(w(16), kernel: 3, stride: 2, act: hswish)
  first: mbconv(w(16), kernel: 3, expand: 1, act: relu)
  stage s1 depth 2..4 { mbconv(w(24), stride: 2 if first else 1, kernel: k, expand: e, act: relu) }
  stage s2 depth 2..4 {
    choice c = {32, 40} of 64
    mbconv(c, stride: 2 if first else 1, kernel: k, expand: e, act: relu, se: true)
  }
  require s1.depth <= s2.depth and s1[0].kernel != 5
  mix: conv(w(1280), kernel: 1); act(hswish)
  head: linear(classes)
}

block mbconv(out, kernel, expand, stride = 1, act = relu, se = false, resize = transform) {
  let mid = divisible(round(in * expand), 8)
  residual when stride == 1 and in == out {
    if expand != 1 { expand: conv(mid, kernel: 1); bn; act(act) } else { skip: identity }
    depthwise: dwconv(kernel: kernel, stride: stride, resize: resize); bn; act(act)
    if se {
      se: squeeze_excite(divisible(mid // 4, 8))
    } else if act == relu {
      # nothing to squeeze
    }
    add { bn } { identity }
    mixer: oneof { a: conv(out); b: { conv(out); bn }; skip: identity }
    project: conv(
      out,
      kernel: 1,  # pointwise
    )
  }
}

schedule shrink(n = 2, loss = kl of {kl, mse}) {
  phase largest epochs 5 { largest; learning_rate 0.05; warmup 0.5 }
  # kernels, of all or of one block
  phase kernel epochs 3 * n {
    unlock kernel if any; unlock s1[0].kernel from 3 + 2
    unlock depth largest n - 1 if any
    distil in_place(loss: loss, ratio: 0.5); sandwich max(n, 1)
  }
}
"""

WORDS = (
    "{ } ( ) [ ] , ; : . .. = == < + - * // let if else or not stage depth oneof residual block "
    'space import in 3 1. .5 1e9 12ab "a" " @ # é \t \r\n \n && ! \ufeff \u200b'
).split(" ")


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """Return the text with a few pieces cut out, doubled or put in."""
    text = MBV3
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        piece = draw(st.sampled_from([*WORDS, "", text[start:end] * 2]) | st.text(max_size=5))
        text = text[:start] + piece + text[end:]
    return text


soups = st.lists(st.sampled_from([*WORDS, " ", "a"]), max_size=40).map(" ".join)
