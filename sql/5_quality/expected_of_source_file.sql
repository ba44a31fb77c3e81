-- Title:  Files in force against the ledger and staging: a column a rule, true where the file is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  etl.source_file, etl.control_total, staging.stg_member, stg_plan, stg_provider, stg_enrollment, stg_claim
-- Values: :reject_share
WITH staged AS (
    SELECT
        member.source_file_id,
        count(*) AS row_count
    FROM staging.stg_member AS member
    GROUP BY member.source_file_id
    UNION ALL
    SELECT
        plan.source_file_id,
        count(*) AS row_count
    FROM staging.stg_plan AS plan
    GROUP BY plan.source_file_id
    UNION ALL
    SELECT
        provider.source_file_id,
        count(*) AS row_count
    FROM staging.stg_provider AS provider
    GROUP BY provider.source_file_id
    UNION ALL
    SELECT
        enrollment.source_file_id,
        count(*) AS row_count
    FROM staging.stg_enrollment AS enrollment
    GROUP BY enrollment.source_file_id
    UNION ALL
    SELECT
        claim.source_file_id,
        count(*) AS row_count
    FROM staging.stg_claim AS claim
    GROUP BY claim.source_file_id
),

totals AS (
    SELECT
        total.source_file_id,
        bool_or(total.file_amount <> total.staged_amount + total.rejected_amount + total.duplicate_amount) AS is_lost,
        bool_or(total.file_amount <> total.promised_amount) AS is_not_as_promised
    FROM etl.control_total AS total
    GROUP BY total.source_file_id
)

SELECT
    'file ' || file.source_file_id || ' (' || file.path || ')' AS failed_key,
    file.record_count <> file.staged_count + file.rejected_count + file.duplicate_count AS records_lost,
    file.staged_count <> COALESCE(staged.row_count, 0) AS staged_rows_missing,
    totals.is_lost IS TRUE AS dollars_lost,
    (file.record_count <> file.promised_record_count OR totals.is_not_as_promised) IS TRUE AS not_as_promised,
    file.rejected_count > :reject_share * file.record_count AS too_many_rejects,
    COALESCE(cardinality(file.unknown_columns), 0) > 0 AS unknown_columns_delivered,
    cardinality(file.overrides) > 0 AS guard_overridden
FROM etl.source_file AS file
LEFT JOIN staged
    ON file.source_file_id = staged.source_file_id
LEFT JOIN totals
    ON file.source_file_id = totals.source_file_id
WHERE file.status = 'in_force'
