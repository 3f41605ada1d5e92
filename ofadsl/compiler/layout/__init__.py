"""From a syntax tree back to text, in its canonical layout."""
