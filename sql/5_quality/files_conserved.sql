-- Title:  Files of these loads of which a record or a dollar is missing
-- Fills:  nothing: gives the keys that fail
-- Reads:  etl.source_file, control_total, work_gate_staged, staging.stg_member, stg_plan, stg_provider, stg_enrollment
-- Values: :all_loads
WITH staged AS (
    SELECT
        member.source_file_id,
        count(*) AS row_count
    FROM staging.stg_member AS member
    WHERE member.load_id = ANY(:all_loads)
    GROUP BY member.source_file_id
    UNION ALL
    SELECT
        plan.source_file_id,
        count(*) AS row_count
    FROM staging.stg_plan AS plan
    WHERE plan.load_id = ANY(:all_loads)
    GROUP BY plan.source_file_id
    UNION ALL
    SELECT
        provider.source_file_id,
        count(*) AS row_count
    FROM staging.stg_provider AS provider
    WHERE provider.load_id = ANY(:all_loads)
    GROUP BY provider.source_file_id
    UNION ALL
    SELECT
        enrollment.source_file_id,
        count(*) AS row_count
    FROM staging.stg_enrollment AS enrollment
    WHERE enrollment.load_id = ANY(:all_loads)
    GROUP BY enrollment.source_file_id
    UNION ALL
    SELECT
        claim.source_file_id,
        sum(claim.row_count) AS row_count
    FROM work_gate_staged AS claim
    GROUP BY claim.source_file_id
),

totals AS (
    SELECT
        total.source_file_id,
        bool_or(total.file_amount <> total.staged_amount + total.rejected_amount + total.duplicate_amount) AS is_lost
    FROM etl.control_total AS total
    GROUP BY total.source_file_id
)

SELECT 'file ' || file.source_file_id || ' (' || file.path || ')' AS failed_key
FROM etl.source_file AS file
LEFT JOIN staged
    ON file.source_file_id = staged.source_file_id
LEFT JOIN totals
    ON file.source_file_id = totals.source_file_id
WHERE
    file.load_id = ANY(:all_loads)
    AND file.status = 'in_force'
    AND (
        file.staged_count <> COALESCE(staged.row_count, 0)
        OR file.record_count <> file.staged_count + file.rejected_count + file.duplicate_count
        OR totals.is_lost
    )
