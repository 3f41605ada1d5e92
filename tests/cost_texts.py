"""Small spaces that try every way in which a cost can depend on choices."""

from __future__ import annotations

_INPUT = "input image(channels: 3, size: {32, 48})"
_HEAD = "pool: global_avg_pool; head: linear(10)"

WIDTHS = f"""
space widths() {{
  {_INPUT}
  stem: conv_bn(8, kernel: 3, stride: 2)
  stage s1 depth 1..3 {{
    choice w = {{8, 16}}
    mbconv(w, kernel: {{3, 5}}, expand: {{1, 2}}, se: true)
  }}
  stage s2 depth 0..2 {{
    choice w = {{8, 24}} of 32
    mbconv(w, kernel: {{3, 5}}, expand: {{2, 3}}, stride: 2 if first else 1)
  }}
  require s1.depth <= s2.depth + 1
  {_HEAD}
}}
"""

OPTIONS = f"""
space options() {{
  {_INPUT}
  choice c = {{8, 12}}
  stem: conv_bn(c, kernel: 3, stride: 2)
  stage s1 depth 2..3 {{
    oneof {{
      k3: mbconv(c, kernel: 3, expand: 2)
      k5: mbconv(c, kernel: 5, expand: {{1, 3}})
      skip: identity
    }}
  }}
  residual {{ oneof {{ none: {{}}; some: conv(c, kernel: 3) }} }}
  stage s2 depth 0..2 {{ oneof {{ a: conv_bn(c, kernel: 3); b: {{ conv(c); bn }}; none: {{}} }} }}
  concat {{ identity }} {{ residual {{ bn }} }}
  {_HEAD}
}}
"""

BRANCHES = f"""
space branches() {{
  {_INPUT}
  stem: conv_bn(8, kernel: 3, stride: 2)
  stage s1 depth 0..2 {{
    concat {{ conv({{4, 8}}); bn }} {{ conv(8, kernel: {{3, 5}}); act(relu) }} {{ identity }}
    conv(8)
  }}
  add {{ conv(16) }} {{ conv(16, kernel: 3); bn }} {{ add {{ conv(16) }} {{ identity; conv(16) }} }}
  residual {{ bn; act(relu) }}
  residual {{ identity }}
  {_HEAD}
}}
"""

CONDITIONS = f"""
space conditions() {{
  {_INPUT}
  choice deep = {{0, 1, 2}}
  stem: conv_bn(8, kernel: 3, stride: 2)
  if deep > 0 {{
    extra: conv_bn({{8, 16, 24}}, kernel: {{3, 5}})
    if deep > 1 {{ more: conv(16) }} else {{ bn }}
  }} else {{ conv(16) }}
  concat {{ identity }} {{ conv(8) }}
  stage s depth 0..2 {{
    if deep == 2 {{
      residual {{ conv_bn(in, kernel: 3); conv({{4, 8}}); conv(in) }}
    }} else {{ identity }}
  }}
  {_HEAD}
}}
"""

# What the last layers see depends on twelve choices together: too many for a table.
DENSE = f"""
space dense() {{
  {_INPUT}
  stem: conv(4, kernel: 3, stride: 2)
  {"; ".join("concat { identity } { conv({2, 4, 6}) }" for _ in range(10))}
  mix: conv(divisible(in * {{0.5, 0.75}}, 4)); bn
  {"; ".join(f"choice c{i} = {{1, 2, 3}}; conv(c{i})" for i in range(8))}
  require {" + ".join(f"c{i}" for i in range(8))} <= 20
  {_HEAD}
}}
"""

# Nothing to choose, in a body without stages.
FIXED = """
space fixed() {
  input image(channels: 1, size: 16)
  conv(4)
  global_avg_pool
}
"""

TEXTS = {
    "widths": WIDTHS,
    "options": OPTIONS,
    "branches": BRANCHES,
    "conditions": CONDITIONS,
    "dense": DENSE,
    "fixed": FIXED,
}
