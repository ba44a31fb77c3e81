"""OpenLineage: who fills which table from which others, an event as each step begins and ends. Off unless asked for."""

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES
from etl.catalog.dimensions import DIMENSIONS
from etl.catalog.facts import FACTS
from etl.catalog.sources import SOURCES
from etl.core.errors import ConfigError
from etl.core.ledger import RowCounts, Watcher
from etl.core.settings import Settings

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job

CLIENT = "client"
PRODUCER = "https://github.com/OpenLineage/OpenLineage/tree/main/client/python"


@dataclass(frozen=True, slots=True)
class Tables:
    """What a step reads and what it fills, as `schema.table`."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def step_tables() -> dict[str, Tables]:
    """The tables of each step that fills one, as the catalog tells them."""
    staged = {spec.feed: f"staging.{spec.table}" for spec in SOURCES}
    found = {"staging": Tables(outputs=tuple(staged.values()))}
    for dimension in DIMENSIONS:
        found[dimension.table] = Tables((dimension.source,), (f"warehouse.{dimension.table}",))
    for fact in FACTS:
        dimensions = dict.fromkeys(f"warehouse.{role.dimension}" for role in fact.roles)
        found[fact.table] = Tables((staged[fact.feed], *dimensions), (f"warehouse.{fact.table}",))
    for cube in BASE_CUBES:
        found[cube.table] = Tables((f"warehouse.{cube.fact}",), (f"mart.{cube.table}",))
    for view in DERIVED_CUBES:
        found[view.table] = Tables(tuple(f"mart.{name}" for name in view.inputs), (f"mart.{view.table}",))
    return found


def watcher(settings: Settings, url: str) -> Watcher | None:
    """Who tells OpenLineage of each step, by `ACA_LINEAGE`: a file of JSON lines, or `client` for what OPENLINEAGE_URL or
    openlineage.yml say. None where it is not set; then nothing of OpenLineage is imported.
    """
    if not settings.lineage:
        return None
    try:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.file import FileConfig, FileTransport
    except ImportError as problem:
        raise ConfigError(
            "ACA_LINEAGE is set, but openlineage-python is not installed; make bootstrap brings it"
        ) from problem
    if settings.lineage == CLIENT:
        return LineageEvents(OpenLineageClient(), url)
    file = settings.root / settings.lineage
    file.parent.mkdir(parents=True, exist_ok=True)
    return LineageEvents(OpenLineageClient(transport=FileTransport(FileConfig(str(file), append=True))), url)


@dataclass(slots=True)
class LineageEvents:
    """Sends START, then COMPLETE or FAIL, of each step, with its tables and how many rows it wrote; never a value.

    An event that cannot be sent is told once and given up with all that follow: the load is what matters.
    """

    client: "OpenLineageClient"
    url: str
    is_broken: bool = False
    tables: dict[str, Tables] = field(default_factory=step_tables)
    runs: dict[str, str] = field(default_factory=dict)
    parents: dict[int, str] = field(default_factory=dict)

    def step_started(self, run_id: int, name: str) -> None:
        """Send START."""
        from openlineage.client.uuid import generate_new_uuid

        self.parents.setdefault(run_id, str(generate_new_uuid()))
        self.runs[name] = str(generate_new_uuid())
        self._send(run_id, name, "START", None)

    def step_ended(self, run_id: int, name: str, counts: RowCounts, *, failed: bool) -> None:
        """Send COMPLETE with the rows written, or FAIL."""
        self._send(run_id, name, "FAIL" if failed else "COMPLETE", counts)

    def _send(self, run_id: int, name: str, state: str, counts: RowCounts | None) -> None:
        if self.is_broken:
            return
        try:
            self.client.emit(self._event(run_id, name, state, counts))
        except Exception as problem:  # noqa: BLE001 - whatever a transport raises must not end a load
            self.is_broken = True
            sys.stderr.write(f"lineage: no more events are sent in this run ({type(problem).__name__})\n")

    def _event(self, run_id: int, name: str, state: str, counts: RowCounts | None) -> Any:
        from openlineage.client.event_v2 import InputDataset, OutputDataset, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import output_statistics_output_dataset, parent_run

        namespace, database = self._place()
        known = self.tables.get(name, Tables())
        parent = parent_run.ParentRunFacet(
            parent_run.Run(self.parents[run_id]), parent_run.Job("aca_warehouse", "load"), producer=PRODUCER
        )
        facets: dict[str, Any] = {}
        if counts is not None and len(known.outputs) == 1:
            facets["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=counts.inserted + counts.updated, producer=PRODUCER
            )
        return RunEvent(
            eventType=RunState(state),
            eventTime=datetime.now(UTC).isoformat(),
            run=Run(self.runs[name], facets={"parent": parent}),
            job=self._job(name),
            inputs=[InputDataset(namespace, f"{database}.{table}") for table in known.inputs],
            outputs=[OutputDataset(namespace, f"{database}.{table}", outputFacets=facets) for table in known.outputs],
            producer=PRODUCER,
        )

    @staticmethod
    def _job(name: str) -> "Job":
        from openlineage.client.event_v2 import Job

        return Job("aca_warehouse", f"load.{name}")

    def _place(self) -> tuple[str, str]:
        """The server and the database, as OpenLineage names PostgreSQL: `postgres://host:port` and the database's name."""
        from psycopg.conninfo import conninfo_to_dict

        parts = conninfo_to_dict(self.url)
        host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
        host = "localhost" if host.startswith("/") else host
        return f"postgres://{host}:{parts.get('port') or 5432}", str(
            parts.get("dbname") or parts.get("user") or "postgres"
        )
