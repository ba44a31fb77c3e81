"""The SCD helper for a table of your own: everything it takes, in one import. See docs/scd_helper.md."""

from etl.core.spec import Absence, DimensionSpec, HistoryType, Mode, NewColumns, OverwriteScope
from etl.transform.dimension_loader import load_dimension
from etl.transform.dimension_tables import create_dimension, create_ledger
from etl.transform.history import Observed, Schemas
from etl.transform.rebuild import Difference, verify
from etl.transform.time_travel import as_of, create_as_of_function, known_versions, published_with
from etl.transform.write_versions import DimensionChange

__all__ = [
    "Absence",
    "Difference",
    "DimensionChange",
    "DimensionSpec",
    "HistoryType",
    "Mode",
    "NewColumns",
    "Observed",
    "OverwriteScope",
    "Schemas",
    "as_of",
    "create_as_of_function",
    "create_dimension",
    "create_ledger",
    "known_versions",
    "load_dimension",
    "published_with",
    "verify",
]
