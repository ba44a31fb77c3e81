-- Title:  Claims and lines received and denied, by plan, year of service, network and reason
-- Fills:  mart.denials_yearly_plan: what is added to it
-- Reads:  work_claim_delta, warehouse.dim_date, dim_denial_reason
-- Values: none
WITH mixed AS MATERIALIZED (
    SELECT DISTINCT
        delta.claim_id,
        delta.claim_version_number,
        delta.is_reversal,
        delta.sign
    FROM work_claim_delta AS delta
    WHERE delta.claim_count = 0 AND delta.claim_line_status <> 'denied'
),

-- The first line speaks for its claim, which is denied where no other line is not.
judged AS (
    SELECT
        delta.sign,
        delta.plan_durable_key,
        service_day.calendar_year,
        delta.claim_count,
        delta.line_count,
        delta.denied_line_count,
        delta.billed_amount,
        CASE delta.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code,
        CASE
            WHEN delta.claim_line_status <> 'denied' THEN 'not_denied'
            WHEN reason.tc_reason_code = 'not_medically_necessary' AND starts_with(delta.principal_diagnosis_code, 'F')
                THEN 'not_medically_necessary_behavioral'
            ELSE COALESCE(reason.tc_reason_code, 'other')
        END AS tc_reason_code,
        CASE WHEN delta.is_reversal THEN 0 ELSE delta.claim_count END AS received_claim_count,
        (delta.claim_line_status = 'denied' AND mixed.claim_id IS NULL)::integer AS is_denied
    FROM work_claim_delta AS delta
    INNER JOIN warehouse.dim_date AS service_day
        ON delta.service_date = service_day.calendar_date
    LEFT JOIN warehouse.dim_denial_reason AS reason
        ON
            COALESCE(delta.carc_group_code, '') = reason.carc_group_code
            AND COALESCE(delta.carc_code, '') = reason.carc_code
    LEFT JOIN mixed
        ON
            delta.claim_count <> 0
            AND delta.claim_line_status = 'denied'
            AND delta.claim_id = mixed.claim_id
            AND delta.claim_version_number = mixed.claim_version_number
            AND delta.is_reversal = mixed.is_reversal
            AND delta.sign = mixed.sign
)

SELECT
    delta.plan_durable_key,
    delta.calendar_year,
    delta.network_code,
    delta.tc_reason_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.received_claim_count) AS received_claim_count,
    sum(delta.is_denied * delta.received_claim_count) AS denied_received_claim_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.is_denied * delta.claim_count) AS denied_claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    sum(delta.billed_amount) AS billed_amount,
    COALESCE(sum(delta.billed_amount) FILTER (WHERE delta.denied_line_count <> 0), 0) AS denied_billed_amount
FROM judged AS delta
GROUP BY delta.plan_durable_key, delta.calendar_year, delta.network_code, delta.tc_reason_code
