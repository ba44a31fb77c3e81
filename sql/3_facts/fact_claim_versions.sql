-- Title:  The life of the touched claim families with several versions
-- Fills:  warehouse.fact_claim, one row per family
-- Reads:  work_claim_row
-- Values: none
INSERT INTO warehouse.fact_claim (
    member_durable_key, claim_family_id, version_count, final_claim_id, is_voided, first_service_date,
    first_received_date,
    first_adjudicated_date, first_paid_date, last_action_date, days_to_pay_count, load_id, load_timestamp
)
WITH versions AS (
    SELECT
        line.claim_family_id,
        line.claim_id,
        line.claim_version_number,
        min(line.member_durable_key) AS member_durable_key,
        max(line.claim_frequency_code) AS claim_frequency_code,
        min(line.service_date) AS service_date,
        min(line.received_date) AS received_date,
        min(line.adjudicated_date) AS first_adjudicated_date,
        max(line.adjudicated_date) AS adjudicated_date,
        min(line.paid_date) AS paid_date,
        max(line.load_id) AS load_id,
        max(line.load_timestamp) AS load_timestamp
    FROM work_claim_row AS line
    WHERE NOT line.is_reversal
    GROUP BY line.claim_family_id, line.claim_id, line.claim_version_number
),

ranked AS (
    SELECT
        versions.*,
        row_number() OVER (
            PARTITION BY versions.claim_family_id
            ORDER BY
                versions.claim_version_number DESC, versions.adjudicated_date DESC NULLS FIRST, versions.claim_id DESC
        ) AS place
    FROM versions
)

SELECT
    min(ranked.member_durable_key) FILTER (WHERE ranked.place = 1) AS member_durable_key,
    ranked.claim_family_id,
    count(*) AS version_count,
    min(ranked.claim_id) FILTER (WHERE ranked.place = 1) AS final_claim_id,
    bool_or(ranked.claim_frequency_code = '8') FILTER (WHERE ranked.place = 1) AS is_voided,
    min(ranked.service_date) AS first_service_date,
    min(ranked.received_date) AS first_received_date,
    min(ranked.first_adjudicated_date) AS first_adjudicated_date,
    min(ranked.paid_date) AS first_paid_date,
    max(ranked.adjudicated_date) AS last_action_date,
    min(ranked.paid_date) - min(ranked.received_date) AS days_to_pay_count,
    max(ranked.load_id) AS load_id,
    max(ranked.load_timestamp) AS load_timestamp
FROM ranked
GROUP BY ranked.claim_family_id
