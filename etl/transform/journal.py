"""The journal: what versions held before they changed. With it a dimension can be shown as it was after any load."""

from psycopg import sql

from etl.transform.history import History


def columns_before(names: tuple[str, ...]) -> sql.Composable:
    """What the version `d` holds in the columns that are about to change."""
    if len(names) > 50:  # a function takes a hundred arguments
        return sql.SQL("to_jsonb(d)")
    pairs = (sql.SQL("{}, d.{}").format(sql.Literal(name), sql.Identifier(name)) for name in names)
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def journal(
    history: History,
    operation: str,
    before: sql.Composable,
    versions: sql.Composable,
    which: sql.Composable | None = None,
) -> None:
    """Keep what the *versions* `d` hold *before* the operation: whole rows, or the columns that change."""
    history.run(
        "INSERT INTO {journal} (load_id, dimension, durable_key, surrogate_key, operation, before) "
        "SELECT {load}, {dimension}, d.{dk}, d.{sk}, {operation}, {before} FROM {versions} WHERE {which}",
        operation=sql.Literal(operation),
        before=before,
        versions=versions,
        which=which or sql.SQL("true"),
    )
