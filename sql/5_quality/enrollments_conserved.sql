-- Title:  Staged enrollment transactions of these loads that are not in the facts, or not with their dollars
-- Fills:  nothing: gives the keys that fail
-- Reads:  staging.stg_enrollment, warehouse.fact_enrollment
-- Values: :loads
SELECT enrollment.transaction_id AS failed_key
FROM staging.stg_enrollment AS enrollment
LEFT JOIN warehouse.fact_enrollment AS fact
    ON enrollment.transaction_id = fact.transaction_id
WHERE
    enrollment.load_id = ANY(:loads)
    AND (
        fact.transaction_id IS NULL
        -- A transaction that was delivered again stands with its latest delivery.
        OR fact.load_id = enrollment.load_id AND (
            fact.gross_premium_amount <> COALESCE(enrollment.gross_premium_amount, 0)
            OR fact.aptc_amount <> COALESCE(enrollment.aptc_amount, 0)
            OR fact.net_premium_amount <> COALESCE(enrollment.net_premium_amount, 0)
        )
    )
