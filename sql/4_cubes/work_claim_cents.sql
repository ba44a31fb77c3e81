-- Title:  What a load adds to the claim facts and takes from them, as the cubes add it up: money in whole cents
-- Fills:  work_claim_cents, one row per row of the delta
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
SELECT
    delta.member_durable_key,
    delta.plan_durable_key,
    delta.plan_key,
    delta.rendering_provider_durable_key,
    delta.rendering_provider_key,
    -- Whole numbers are added up several times faster than decimals, and as exactly.
    (100 * delta.billed_amount)::bigint AS billed_cents,
    (100 * delta.allowed_amount)::bigint AS allowed_cents,
    (100 * delta.paid_amount)::bigint AS paid_cents,
    (100 * delta.deductible_amount)::bigint AS deductible_cents,
    (100 * delta.copay_amount)::bigint AS copay_cents,
    (100 * delta.coinsurance_amount)::bigint AS coinsurance_cents,
    (100 * delta.cob_amount)::bigint AS cob_cents,
    (100 * delta.unit_count)::bigint AS unit_hundredths,
    delta.service_date,
    service_day.month_start_date,
    COALESCE(paid_day.month_start_date, DATE '9999-12-01') AS paid_month_start_date,
    service_day.calendar_year,
    service_day.quarter_number,
    delta.sign,
    delta.claim_count,
    delta.line_count,
    delta.denied_line_count,
    COALESCE(delta.paid_date <= delta.service_date + 30, FALSE) AS is_settled,
    delta.claim_line_status = 'paid' AS is_paid,
    CASE delta.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code,
    delta.claim_type,
    delta.service_category_code
FROM work_claim_delta AS delta
INNER JOIN warehouse.dim_date AS service_day
    ON delta.service_date = service_day.calendar_date
LEFT JOIN warehouse.dim_date AS paid_day
    ON delta.paid_date = paid_day.calendar_date
