-- Title:  The life of each claim family that these loads speak of
-- Fills:  warehouse.fact_claim, one row per family
-- Reads:  warehouse.fact_claim_line, work_claim_family
-- Values: :loads
INSERT INTO warehouse.fact_claim (
    member_durable_key, claim_family_id, version_count, final_claim_id, is_voided, first_service_date, first_received_date,
    first_adjudicated_date, first_paid_date, last_action_date, days_to_pay_count, load_id, load_timestamp
)
WITH lines AS (
    SELECT line.*
    FROM warehouse.fact_claim_line AS line
    LEFT JOIN work_claim_family AS family
        ON line.claim_family_id = family.claim_family_id
    WHERE line.load_id = ANY(:loads) AND family.claim_family_id IS NULL
    UNION ALL
    SELECT line.*
    FROM warehouse.fact_claim_line AS line
    INNER JOIN work_claim_family AS family
        ON line.claim_family_id = family.claim_family_id
    WHERE NOT line.is_reversal
),

families AS (
    SELECT
        lines.claim_family_id,
        count(DISTINCT (lines.claim_id, lines.claim_version_number))
            FILTER (WHERE lines.claim_version_number > 1 OR lines.claim_frequency_code <> '1') AS later_version_count,
        min(lines.service_date) AS first_service_date,
        min(lines.received_date) AS first_received_date,
        min(lines.adjudicated_date) AS first_adjudicated_date,
        min(lines.paid_date) AS first_paid_date,
        max(lines.adjudicated_date) AS last_action_date,
        bool_or(lines.claim_version_number = 1 AND lines.claim_frequency_code = '1') AS has_original,
        max(lines.load_id) AS load_id,
        max(lines.load_timestamp) AS load_timestamp
    FROM lines
    GROUP BY lines.claim_family_id
),

latest AS (
    SELECT DISTINCT ON (lines.claim_family_id)
        lines.claim_family_id,
        lines.member_durable_key,
        lines.claim_id,
        lines.claim_frequency_code
    FROM lines
    ORDER BY
        lines.claim_family_id, lines.claim_version_number DESC, lines.adjudicated_date DESC NULLS FIRST, lines.claim_id DESC
)

SELECT
    latest.member_durable_key,
    families.claim_family_id,
    families.later_version_count + families.has_original::integer AS version_count,
    latest.claim_id AS final_claim_id,
    latest.claim_frequency_code = '8' AS is_voided,
    families.first_service_date,
    families.first_received_date,
    families.first_adjudicated_date,
    families.first_paid_date,
    families.last_action_date,
    families.first_paid_date - families.first_received_date AS days_to_pay_count,
    families.load_id,
    families.load_timestamp
FROM families
INNER JOIN latest
    ON families.claim_family_id = latest.claim_family_id
