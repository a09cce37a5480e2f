"""`simpul import`: a command with arguments of its own, and others below its name.

`simpul import template TYPE` is a command of the group; what begins with any other word is the import itself.
"""

from typing import Any

from typer.core import TyperGroup

#: What the import itself is called within the group.
TABLE = "table"


class ImportGroup(TyperGroup):
    """Reads a first word that is no command of the group as an argument of the import."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # typer's context type is private
        """Put the name of the import before its arguments."""
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = [TABLE, *args]
        return super().parse_args(ctx, args)
