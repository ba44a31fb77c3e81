-- Title:  Staged enrollment transactions of these loads that are not in the facts
-- Fills:  nothing: gives the keys that fail
-- Reads:  staging.stg_enrollment, warehouse.fact_enrollment
-- Values: :loads
SELECT enrollment.transaction_id AS failed_key
FROM staging.stg_enrollment AS enrollment
LEFT JOIN warehouse.fact_enrollment AS fact
    ON enrollment.transaction_id = fact.transaction_id
WHERE enrollment.load_id = ANY(:loads) AND fact.transaction_id IS NULL
