"""Writes CREATE TABLE with a COMMENT for the table and each column, so that no column can go undescribed."""

from collections.abc import Sequence

from alembic import op


def literal(text: str) -> str:
    """*text* as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def create_table(
    table: str,
    comment: str,
    columns: Sequence[tuple[str, str, str]],
    *,
    constraints: Sequence[str] = (),
    suffix: str = "",
) -> None:
    """Create *table* from (name, type and constraints, comment) triples; every comment must say something."""
    lines = [f"{name} {sql_type}" for name, sql_type, _ in columns] + list(constraints)
    op.execute(f"CREATE TABLE {table} (\n    " + ",\n    ".join(lines) + f"\n) {suffix}")
    comment_on("TABLE", table, comment)
    for name, _, text in columns:
        comment_on("COLUMN", f"{table}.{name}", text)


def comment_on(kind: str, name: str, text: str) -> None:
    """COMMENT ON *kind* *name*."""
    if not text.strip():
        raise ValueError(f"{name} needs a comment")
    op.execute(f"COMMENT ON {kind} {name} IS {literal(text)}")
