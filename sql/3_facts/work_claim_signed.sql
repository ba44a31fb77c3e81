-- Title:  The life of the families with several versions: each version, and its exact negative once it is superseded
-- Fills:  work_claim_signed, one row per claim version, line and sign
-- Reads:  work_claim_source
-- Values: none
CREATE TEMPORARY TABLE work_claim_signed ON COMMIT DROP AS
WITH versions AS (
    SELECT
        source.claim_family_id,
        source.claim_id,
        source.claim_version_number,
        source.load_id,
        max(source.claim_frequency_code) AS claim_frequency_code,
        min(source.claim_line_number) AS first_line_number,
        max(source.load_timestamp) AS load_timestamp,
        max(source.received_date) AS received_date,
        max(source.adjudicated_date) AS adjudicated_date,
        COALESCE(
            max(source.paid_date), max(source.adjudicated_date), max(source.received_date), max(source.service_date)
        ) AS action_date
    FROM work_claim_source AS source
    GROUP BY source.claim_family_id, source.claim_id, source.claim_version_number, source.load_id
),

succession AS (
    SELECT
        versions.*,
        lead(versions.load_id) OVER life AS next_load_id,
        lead(versions.load_timestamp) OVER life AS next_load_timestamp,
        lead(versions.received_date) OVER life AS next_received_date,
        lead(versions.adjudicated_date) OVER life AS next_adjudicated_date,
        lead(versions.action_date) OVER life AS next_action_date
    FROM versions
    WINDOW life AS (
        PARTITION BY versions.claim_family_id
        ORDER BY versions.claim_version_number, versions.adjudicated_date NULLS LAST, versions.claim_id
    )
)

SELECT
    source.*,
    FALSE AS is_reversal,
    succession.next_load_id IS NULL AND source.claim_frequency_code <> '8' AS is_final_action,
    CASE WHEN source.claim_frequency_code = '8' THEN 0 ELSE 1 END AS sign,
    source.claim_line_number = succession.first_line_number AS is_first_line
FROM work_claim_source AS source
INNER JOIN succession
    ON
        source.claim_id = succession.claim_id
        AND source.claim_version_number = succession.claim_version_number
UNION ALL
SELECT
    source.member_durable_key,
    source.service_date,
    source.claim_id,
    source.claim_version_number,
    source.claim_line_number,
    source.claim_family_id,
    source.claim_frequency_code,
    source.claim_type,
    source.claim_line_status,
    source.plan_durable_key,
    source.rendering_provider_durable_key,
    source.billing_provider_durable_key,
    source.service_end_date,
    succession.next_received_date AS received_date,
    succession.next_adjudicated_date AS adjudicated_date,
    -- What was never paid is not paid back: then no payment date either.
    CASE WHEN source.paid_date IS NOT NULL THEN succession.next_action_date END AS paid_date,
    source.place_of_service_code,
    source.bill_type_code,
    source.revenue_code,
    source.drg_code,
    source.principal_diagnosis_code,
    source.procedure_code,
    source.ndc_code,
    source.is_in_network,
    source.carc_group_code,
    source.carc_code,
    source.unit_count,
    source.billed_amount,
    source.allowed_amount,
    source.paid_amount,
    source.deductible_amount,
    source.copay_amount,
    source.coinsurance_amount,
    source.cob_amount,
    succession.next_load_id AS load_id,
    succession.next_load_timestamp AS load_timestamp,
    TRUE AS is_reversal,
    FALSE AS is_final_action,
    -1 AS sign,
    source.claim_line_number = succession.first_line_number AS is_first_line
FROM work_claim_source AS source
INNER JOIN succession
    ON
        source.claim_id = succession.claim_id
        AND source.claim_version_number = succession.claim_version_number
WHERE succession.next_load_id IS NOT NULL AND source.claim_frequency_code <> '8'
