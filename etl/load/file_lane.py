"""One file into its own table: header, chunks, duplicates, balance, guards."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from etl.core.errors import SourceError
from etl.core.settings import Settings
from etl.extract.header import read_header
from etl.extract.reader import Chunk, SourceReader
from etl.load.balance import Aside, close_file
from etl.load.guards import Alarm, file_alarms, header_alarms
from etl.load.intake_ledger import Content, NewFile, NewLoad, StagedFile, ledger_path
from etl.load.replay import answer_rejects
from etl.load.target import Conn, Target, create_table
from etl.load.totals import Totals

# How the chunks of a file are staged: one after the other, or on several connections.
StageChunks = Callable[[Target, Iterable[Chunk]], Totals]


@dataclass(frozen=True, slots=True)
class Intake:
    """What holds for all files of a run."""

    settings: Settings
    overrides: frozenset[str]


def stage_file(
    conn: Conn,
    load: NewLoad,
    new: NewFile,
    intake: Intake,
    stage_chunks: StageChunks,
    *,
    last_full_count: int | None,
    aside: Aside | None,
) -> tuple[Target, StagedFile]:
    """Stage one file into a table of its own, which is no partition yet; SourceError where it is refused."""
    file, settings = new.file, intake.settings
    content = Content()
    with SourceReader(file.path, content) as reader:
        header = read_header(reader.header, file.spec, file.path)
        overridden = _overridden(new, header_alarms(header), intake)
        target = Target(file.spec, header, load.load_id, new.source_file_id, load.delivery.as_of, load.load_timestamp)
        create_table(conn, target)
        limit = settings.max_quoted_field_bytes
        totals = stage_chunks(target, reader.chunks(settings.chunk_bytes, limit))
    balance = close_file(conn, target, totals, mode=file.mode, path=file.path, limit=limit, aside=aside)
    if file.replays is not None:
        answer_rejects(conn, target, file, balance, limit)
    overridden += _overridden(new, file_alarms(file, balance, last_full_count, settings.reject_share_limit), intake)
    warnings = [f"overridden {alarm.guard}: {alarm.why}" for alarm in overridden]
    if header.unknown:
        warnings.append(f"not loaded, since the contract does not know them: {', '.join(header.unknown)}")
    staged = StagedFile(
        file.feed,
        ledger_path(load.delivery, file),
        file.mode,
        new.source_file_id,
        balance,
        header.names,
        header.unknown,
        content,
        tuple(alarm.guard for alarm in overridden),
        tuple(warnings),
        dict(file.promised_totals),
    )
    return target, staged


def _overridden(new: NewFile, alarms: list[Alarm], intake: Intake) -> list[Alarm]:
    """These alarms, all of them overridden; SourceError where one is not."""
    refused = [alarm for alarm in alarms if alarm.guard not in intake.overrides]
    if refused:
        raise SourceError(
            f"{new.file.path}: {'; '.join(alarm.why for alarm in refused)}. Ask the sender for a better file, or take it "
            f"in as it is with {' '.join(f'--override {alarm.guard}' for alarm in refused)}"
        )
    return alarms
