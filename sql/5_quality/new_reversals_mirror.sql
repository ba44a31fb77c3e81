-- Title:  Reversals that this load touched and that are not the exact negative of what they take back
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_claim_delta, warehouse.fact_claim_line
-- Values: none
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.member_durable_key,
        delta.service_date,
        delta.claim_id,
        delta.claim_version_number,
        delta.claim_line_number
    FROM work_claim_delta AS delta
    WHERE delta.is_reversal
)

SELECT
    touched.claim_id || ' version ' || touched.claim_version_number || ' line ' || touched.claim_line_number
        AS failed_key
FROM touched
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE near.is_reversal) AS reversal_count,
            count(*) FILTER (WHERE NOT near.is_reversal) AS version_count,
            bool_or(near.is_final_action) AS is_final_action,
            sum(near.line_count) AS line_count,
            sum(near.claim_count) AS claim_count,
            sum(near.billed_amount) AS billed_amount,
            sum(near.allowed_amount) AS allowed_amount,
            sum(near.paid_amount) AS paid_amount
        FROM warehouse.fact_claim_line AS near
        WHERE
            near.member_durable_key = touched.member_durable_key
            AND near.service_date = touched.service_date
            AND near.claim_id = touched.claim_id
            AND near.claim_version_number = touched.claim_version_number
            AND near.claim_line_number = touched.claim_line_number
    ) AS pair
WHERE
    pair.reversal_count = 1
    AND (
        pair.version_count <> 1
        OR pair.is_final_action
        OR pair.line_count <> 0
        OR pair.claim_count <> 0
        OR pair.billed_amount <> 0
        OR pair.allowed_amount <> 0
        OR pair.paid_amount <> 0
    )
