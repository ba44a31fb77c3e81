-- Title:  The life of the claim families with one version that these loads bring
-- Fills:  warehouse.fact_claim, one row per family
-- Reads:  warehouse.fact_claim_line, work_claim_family
-- Values: :loads
INSERT INTO warehouse.fact_claim (
    member_durable_key, claim_family_id, version_count, final_claim_id, is_voided, first_service_date,
    first_received_date,
    first_adjudicated_date, first_paid_date, last_action_date, days_to_pay_count, load_id, load_timestamp
)
SELECT
    min(line.member_durable_key) AS member_durable_key,
    line.claim_family_id,
    1 AS version_count,
    line.claim_family_id AS final_claim_id,
    FALSE AS is_voided,
    min(line.service_date) AS first_service_date,
    min(line.received_date) AS first_received_date,
    min(line.adjudicated_date) AS first_adjudicated_date,
    min(line.paid_date) AS first_paid_date,
    max(line.adjudicated_date) AS last_action_date,
    min(line.paid_date) - min(line.received_date) AS days_to_pay_count,
    max(line.load_id) AS load_id,
    max(line.load_timestamp) AS load_timestamp
FROM warehouse.fact_claim_line AS line
LEFT JOIN work_claim_family AS family
    ON line.claim_family_id = family.claim_family_id
WHERE line.load_id = ANY(:loads) AND family.claim_family_id IS NULL
GROUP BY line.claim_family_id
