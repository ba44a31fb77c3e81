-- Title:  Reversals of these loads that are not the exact negative of what they take back
-- Fills:  nothing: gives the keys that fail
-- Reads:  warehouse.fact_claim_line
-- Values: :loads
SELECT
    reversal.claim_id || ' version ' || reversal.claim_version_number || ' line ' || reversal.claim_line_number
        AS failed_key
FROM warehouse.fact_claim_line AS reversal
LEFT JOIN warehouse.fact_claim_line AS version
    ON
        reversal.member_durable_key = version.member_durable_key
        AND reversal.service_date = version.service_date
        AND reversal.claim_id = version.claim_id
        AND reversal.claim_version_number = version.claim_version_number
        AND reversal.claim_line_number = version.claim_line_number
        AND NOT version.is_reversal
        -- One that is still in force is none that was taken back: few are left to join.
        AND NOT version.is_final_action
WHERE
    reversal.load_id = ANY(:loads)
    AND reversal.is_reversal
    AND (
        version.claim_id IS NULL
        OR reversal.line_count <> -version.line_count
        OR reversal.claim_count <> -version.claim_count
        OR reversal.billed_amount <> -version.billed_amount
        OR reversal.allowed_amount <> -version.allowed_amount
        OR reversal.paid_amount <> -version.paid_amount
    )
