-- Title:  Claims and lines received and denied, by plan, year of service, network and reason
-- Fills:  mart.denials_yearly_plan: adds what the delta sums to
-- Reads:  work_claim_delta, warehouse.dim_date, dim_denial_reason
-- Values: none
INSERT INTO mart.denials_yearly_plan AS cube (
    plan_durable_key, calendar_year, network_code, tc_reason_code, fact_row_count, received_claim_count,
    denied_received_claim_count, claim_count, denied_claim_count, line_count, denied_line_count, billed_amount,
    denied_billed_amount
)
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
    sum(delta.sign * delta.received_claim_count) AS received_claim_count,
    sum(delta.sign * delta.is_denied * delta.received_claim_count) AS denied_received_claim_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.is_denied * delta.claim_count) AS denied_claim_count,
    sum(delta.sign * delta.line_count) AS line_count,
    sum(delta.sign * delta.denied_line_count) AS denied_line_count,
    sum(delta.sign * delta.billed_amount) AS billed_amount,
    sum(delta.sign * abs(delta.denied_line_count) * delta.billed_amount) AS denied_billed_amount
FROM judged AS delta
GROUP BY delta.plan_durable_key, delta.calendar_year, delta.network_code, delta.tc_reason_code
ON CONFLICT (plan_durable_key, calendar_year, network_code, tc_reason_code) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    received_claim_count = cube.received_claim_count + excluded.received_claim_count,
    denied_received_claim_count = cube.denied_received_claim_count + excluded.denied_received_claim_count,
    claim_count = cube.claim_count + excluded.claim_count,
    denied_claim_count = cube.denied_claim_count + excluded.denied_claim_count,
    line_count = cube.line_count + excluded.line_count,
    denied_line_count = cube.denied_line_count + excluded.denied_line_count,
    billed_amount = cube.billed_amount + excluded.billed_amount,
    denied_billed_amount = cube.denied_billed_amount + excluded.denied_billed_amount
