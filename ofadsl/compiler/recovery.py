def recover(parser):
    k = parser.tables.terminals[parser.tokens.kinds[parser.at]]
    from ofadsl.diagnostics import Diagnostic
    from ofadsl.compiler.tokens import place

    i = parser.at
    parser.mistakes.append(
        Diagnostic(
            code="OFA001",
            message=f"unexpected {k}",
            span=place(parser.source, parser.tokens.starts[i], parser.tokens.ends[i]),
        )
    )
    return False
