"""The ACA warehouse: from CSV to cube. Start reading in `etl.pipeline`."""
