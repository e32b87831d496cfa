"""Tables as Markdown has them."""

from collections.abc import Collection, Iterable, Sequence


def table(columns: Sequence[str], lines: Iterable[Sequence[str]], texts: Collection[str] = ()) -> str:
    """Figures stand to the right, the first column and those that are ``texts`` to the left."""
    rule = ["---", *("---" if column in texts else "---:" for column in columns[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, rule, *lines))
