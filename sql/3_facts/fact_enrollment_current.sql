-- Title:  Which transaction of each touched span is the latest
-- Fills:  warehouse.fact_enrollment.is_current_version
-- Reads:  work_span, warehouse.fact_enrollment
-- Values: none
UPDATE warehouse.fact_enrollment AS fact
SET is_current_version = NOT fact.is_current_version
FROM (
    SELECT
        version.transaction_id,
        version.member_durable_key,
        row_number() OVER (
            PARTITION BY version.enrollment_id
            ORDER BY version.transaction_date DESC, version.transaction_id DESC
        ) = 1 AS is_latest
    FROM warehouse.fact_enrollment AS version
    INNER JOIN (SELECT DISTINCT enrollment_id FROM work_span) AS span
        ON version.enrollment_id = span.enrollment_id
) AS judged
WHERE
    fact.member_durable_key = judged.member_durable_key
    AND fact.transaction_id = judged.transaction_id
    AND fact.is_current_version <> judged.is_latest
