"""From the text of a `.ofa` file to its syntax tree: tokens, the table, recovery from mistakes."""
