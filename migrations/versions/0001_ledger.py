"""Schemas and the ledger: what was run, which deliveries came in, what was rejected, what history changed."""

from alembic import op

from migrations.ddl import comment_on, create_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LOAD_ID = ("load_id", "bigint NOT NULL", "The load this row belongs to (etl.load).")


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS etl")
    comment_on("SCHEMA", "etl", "The ledger: runs, loads, files, rejects, journal, checks.")
    for schema, text in (
        ("staging", "The records of every delivery, 1:1 and typed: the log from which any table can be rebuilt."),
        ("warehouse", "The star schema: dimensions with history, facts with surrogate keys."),
        ("mart", "The cubes: base cubes kept by deltas, and materialized views over them."),
    ):
        op.execute(f"CREATE SCHEMA {schema}")
        comment_on("SCHEMA", schema, text)

    create_table(
        "etl.run",
        "One row per command that changed, or tried to change, the warehouse. Never rewritten by a full load.",
        [
            ("run_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Number of the run."),
            ("mode", "text NOT NULL", "full, incremental, or the name of the command."),
            ("status", "text NOT NULL DEFAULT 'running'", "running, done or failed."),
            ("started_at", "timestamptz NOT NULL DEFAULT clock_timestamp()", "When it started."),
            ("heartbeat_at", "timestamptz NOT NULL DEFAULT clock_timestamp()", "Last sign of life."),
            ("finished_at", "timestamptz", "When it ended; NULL while running, or when it was killed."),
            ("holder", "text NOT NULL", "Host and process id that ran it."),
            ("message", "text", "Why it failed."),
        ],
        constraints=["CHECK (status IN ('running', 'done', 'failed'))"],
    )
    create_table(
        "etl.load",
        "One row per delivery taken in. A full load numbers them anew, from 1, in the order of as_of.",
        [
            ("load_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Number of the load."),
            ("run_id", "bigint NOT NULL REFERENCES etl.run", "The run that took it in."),
            ("delivery_name", "text NOT NULL", "Folder name of the delivery in the landing zone."),
            ("as_of", "date NOT NULL", "Business date of the delivery: the day its content describes."),
            (
                "status",
                "text NOT NULL DEFAULT 'staging'",
                "staging (files going in), staged (all in, not yet in the warehouse), published, failed.",
            ),
            ("load_timestamp", "timestamptz NOT NULL DEFAULT clock_timestamp()", "When the load began."),
            ("staged_at", "timestamptz", "When all its files were staged."),
            ("published_at", "timestamptz", "When the transaction that published it ran."),
        ],
        constraints=["CHECK (status IN ('staging', 'staged', 'published', 'failed'))"],
    )
    create_table(
        "etl.source_file",
        "One row per file of a load, with the counts and totals that prove that no record was lost.",
        [
            ("source_file_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Number of the file."),
            ("load_id", "bigint NOT NULL REFERENCES etl.load", "The load it came in with."),
            ("feed", "text NOT NULL", "members, plans, providers, enrollments or claims."),
            ("as_of", "date NOT NULL", "Business date of its delivery."),
            ("mode", "text NOT NULL", "full: a key that is absent is gone. delta: absence says nothing."),
            (
                "status",
                "text NOT NULL DEFAULT 'staging'",
                "staging, staged (waits for its load to be published), in_force, superseded (a later file of the same "
                "feed and as_of replaced it), refused (not taken in; message says why).",
            ),
            ("path", "text NOT NULL", "Path below the landing zone."),
            ("byte_count", "bigint NOT NULL", "Size on disk."),
            (
                "content_hash",
                "uuid",
                "xxh3_128 of the bytes on disk, as they were staged; of a file that was not, it may be NULL.",
            ),
            (
                "modified_ns",
                "bigint",
                "When it was last changed on disk, in nanoseconds since 1970: of the same size and age, it is not read again. "
                "NULL where that was just before it was read, when a further change might not show.",
            ),
            ("header", "text[]", "The header as the file has it."),
            ("unknown_columns", "text[]", "Headers the contract does not know; their values are not loaded."),
            ("scope", "text[]", "Values of the feed's scope column that a full file speaks for; NULL: all."),
            ("record_count", "bigint", "Records in the file, header not counted."),
            ("staged_count", "bigint", "Records staged."),
            ("rejected_count", "bigint", "Records in etl.rejected_row."),
            ("duplicate_count", "bigint", "Exact duplicates of a staged record, dropped and counted."),
            ("promised_record_count", "bigint", "What the sender's manifest promised; NULL without one."),
            ("superseded_by", "bigint REFERENCES etl.source_file", "The file that replaced it."),
            (
                "replays_source_file_id",
                "bigint REFERENCES etl.source_file",
                "The file whose rejected records this one corrects; it adds to that file, it does not replace it.",
            ),
            ("overrides", "text[] NOT NULL DEFAULT '{}'", "Guards that were overridden to take it in, by name."),
            ("message", "text", "Warnings, or why it was refused."),
            ("staged_at", "timestamptz", "When its records were committed."),
        ],
        constraints=[
            "CHECK (mode IN ('full', 'delta'))",
            "CONSTRAINT content_is_known CHECK (status IN ('staging', 'refused') OR content_hash IS NOT NULL)",
            "CHECK (status IN ('staging', 'staged', 'in_force', 'superseded', 'refused'))",
            "CONSTRAINT conservation_of_records CHECK (status IN ('staging', 'refused') "
            "OR record_count = staged_count + rejected_count + duplicate_count)",
        ],
    )
    op.execute(
        "CREATE UNIQUE INDEX source_file_in_force ON etl.source_file (feed, as_of) "
        "WHERE status = 'in_force' AND replays_source_file_id IS NULL"
    )
    op.execute("CREATE INDEX source_file_load_id ON etl.source_file (load_id)")
    create_table(
        "etl.control_total",
        "Dollars of a file: what it holds = what was staged + rejected + dropped as an exact duplicate.",
        [
            ("source_file_id", "bigint NOT NULL REFERENCES etl.source_file ON DELETE CASCADE", "The file."),
            ("column_name", "text NOT NULL", "The amount that is added up."),
            ("file_amount", "numeric(18,2) NOT NULL", "Added up over the file's bytes, not from staging."),
            ("staged_amount", "numeric(18,2) NOT NULL", "Added up over the staged rows."),
            ("rejected_amount", "numeric(18,2) NOT NULL", "Added up over the rejected records where it can be read."),
            ("duplicate_amount", "numeric(18,2) NOT NULL", "Added up over the dropped exact duplicates."),
            ("promised_amount", "numeric(18,2)", "What the sender's manifest promised; NULL without one."),
        ],
        constraints=["PRIMARY KEY (source_file_id, column_name)"],
    )
    create_table(
        "etl.rejected_row",
        "Every record that could not be staged, whole, with the reason.",
        [
            ("rejected_row_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Number of the reject."),
            LOAD_ID,
            ("source_file_id", "bigint NOT NULL REFERENCES etl.source_file ON DELETE CASCADE", "The file it came in."),
            ("feed", "text NOT NULL", "The feed of that file."),
            ("record_number", "bigint NOT NULL", "Its place in the file, from 1, header not counted."),
            ("column_name", "text", "The column at fault; NULL where it is the whole record."),
            ("reason_code", "text NOT NULL", "One of the closed set in the documentation."),
            ("message", "text NOT NULL", "What is wrong, without any value of the record."),
            ("raw_text", "text NOT NULL", "The record as it came (personal data: shown only on request)."),
            ("entity_id", "text[]", "The key of what it speaks of, where it could be read."),
            ("status", "text NOT NULL DEFAULT 'open'", "open, or replayed (a corrected record came in for it)."),
            ("replayed_load_id", "bigint REFERENCES etl.load", "The load that brought the corrected record."),
        ],
        constraints=["CHECK (status IN ('open', 'replayed'))"],
    )
    op.execute("CREATE INDEX rejected_row_load_id ON etl.rejected_row (load_id, feed, record_number)")
    create_table(
        "etl.step_run",
        "One row per step of a run: what it did and how long it took; also when it failed.",
        [
            ("step_run_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Number of the step's run."),
            ("run_id", "bigint NOT NULL REFERENCES etl.run", "The run."),
            ("step_name", "text NOT NULL", "Name of the step, the table it fills."),
            ("stage", "text NOT NULL", "extract, stage, dims, facts, aggregates or quality."),
            ("status", "text NOT NULL DEFAULT 'running'", "running, done or failed."),
            ("started_at", "timestamptz NOT NULL DEFAULT clock_timestamp()", "When it started."),
            ("finished_at", "timestamptz", "When it ended."),
            ("read_count", "bigint NOT NULL DEFAULT 0", "Rows it read."),
            ("inserted_count", "bigint NOT NULL DEFAULT 0", "Rows it inserted."),
            ("updated_count", "bigint NOT NULL DEFAULT 0", "Rows it updated."),
            ("deleted_count", "bigint NOT NULL DEFAULT 0", "Rows it deleted."),
            ("message", "text", "Why it failed."),
        ],
    )
    create_table(
        "etl.dimension_observation",
        "When a key was observed by something else than a full delivery at its as_of: deltas, rows with an effective "
        "date, tombstones, and what a full delivery left unknown. Late history is spliced in with its help.",
        [
            ("dimension", "text NOT NULL", "The dimension table."),
            ("durable_key", "bigint NOT NULL", "Durable key of the entity."),
            ("observed_date", "date NOT NULL", "From when the observation holds."),
            ("as_of", "date NOT NULL", "Business date of the delivery that made it."),
            (
                "kind",
                "text NOT NULL",
                "value, gone (tombstone), or unknown (a rejected row: present, value not known).",
            ),
            LOAD_ID,
        ],
        constraints=[
            "PRIMARY KEY (dimension, durable_key, observed_date, as_of)",
            "CHECK (kind IN ('value', 'gone', 'unknown'))",
        ],
    )
    create_table(
        "etl.full_observation",
        "The full deliveries a dimension has seen: each is an observation of every key in its scope.",
        [
            ("dimension", "text NOT NULL", "The dimension table."),
            ("as_of", "date NOT NULL", "Business date of the delivery."),
            ("scope", "text NOT NULL", "Value of the scope column it speaks for; empty where the feed has none."),
            LOAD_ID,
        ],
        constraints=["PRIMARY KEY (dimension, as_of, scope)"],
    )
    create_table(
        "etl.dimension_journal",
        "Append-only: of every version of a dimension that was changed or taken away, how it stood before. An insert is told "
        "by the row's own load_id, which never changes; with both, any dimension can be shown as it was after any load.",
        [
            ("journal_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Order of the writes."),
            LOAD_ID,
            ("dimension", "text NOT NULL", "The dimension table."),
            ("durable_key", "bigint NOT NULL", "Durable key of the entity."),
            ("surrogate_key", "bigint NOT NULL", "Surrogate key of the version."),
            ("operation", "text NOT NULL", "update or delete."),
            (
                "before",
                "jsonb NOT NULL",
                "Its columns that change, as they stood before; all of them where it is deleted or told anew (personal data).",
            ),
            ("recorded_at", "timestamptz NOT NULL DEFAULT clock_timestamp()", "When it was written."),
        ],
        constraints=["CHECK (operation IN ('update', 'delete'))"],
    )
    op.execute("CREATE INDEX dimension_journal_key ON etl.dimension_journal (dimension, durable_key, load_id)")
    create_table(
        "etl.key_redirect",
        "Surrogate keys that late history made obsolete, and the keys that stand for their dates now.",
        [
            LOAD_ID,
            ("dimension", "text NOT NULL", "The dimension table."),
            ("durable_key", "bigint NOT NULL", "Durable key of the entity."),
            ("old_key", "bigint NOT NULL", "The surrogate key that is gone."),
            ("new_key", "bigint NOT NULL", "The surrogate key for these dates; -2 where no version is left."),
            ("start_date", "date NOT NULL", "First day of the dates, included."),
            ("end_date", "date NOT NULL", "End of the dates, excluded."),
        ],
    )
    create_table(
        "etl.check_result",
        "Result of every check of every gate and every `make dq`.",
        [
            ("check_result_id", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "Number of the result."),
            ("run_id", "bigint REFERENCES etl.run", "The run; NULL for a check by hand."),
            ("suite", "text NOT NULL", "gate, or the expectation suite."),
            ("check_name", "text NOT NULL", "Name of the check."),
            ("table_name", "text NOT NULL", "The table it looks at."),
            ("severity", "text NOT NULL", "critical stops, warning tells, info notes."),
            ("status", "text NOT NULL", "passed, failed, or error (could not be computed)."),
            ("failed_count", "bigint NOT NULL DEFAULT 0", "Rows, keys or cents that fail it."),
            ("detail", "text", "What was compared, in figures; no value of a row."),
            ("checked_at", "timestamptz NOT NULL DEFAULT clock_timestamp()", "When."),
        ],
        constraints=["CHECK (status IN ('passed', 'failed', 'error'))"],
    )
    create_table(
        "etl.check_failure",
        "The keys that fail a check: all of them, not a sample.",
        [
            ("check_result_id", "bigint NOT NULL REFERENCES etl.check_result ON DELETE CASCADE", "The result."),
            ("failed_key", "text NOT NULL", "Surrogate or durable key, or another id that names no person."),
        ],
    )
    op.execute("CREATE INDEX check_failure_result ON etl.check_failure (check_result_id)")
    op.execute(
        """
        CREATE FUNCTION etl.computed_key(canonical text) RETURNS bigint
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN ('x' || left(encode(sha256(convert_to(canonical, 'UTF8')), 'hex'), 16))::bit(64)::bigint
        """
    )
    comment_on(
        "FUNCTION",
        "etl.computed_key(text)",
        "First 8 bytes, signed, of SHA-256 over the text. The text is the parts of the key, each written as "
        "length in bytes:text, joined by commas: the same key on every machine, in every order of arrival.",
    )


def downgrade() -> None:
    for schema in ("mart", "warehouse", "staging"):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
    op.execute(
        "DROP TABLE etl.check_failure, etl.check_result, etl.key_redirect, etl.dimension_journal, "
        "etl.full_observation, etl.dimension_observation, etl.step_run, etl.rejected_row, etl.control_total, "
        "etl.source_file, etl.load, etl.run CASCADE"
    )
    op.execute("DROP FUNCTION etl.computed_key(text)")
