-- Title:  Claims by quarter of service, rendering provider and service category
-- Fills:  mart.claims_quarterly_provider: what is added to it
-- Reads:  work_claim_cents
-- Values: :months
SELECT
    delta.calendar_year,
    delta.quarter_number,
    delta.rendering_provider_durable_key AS provider_durable_key,
    delta.service_category_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    COALESCE(sum(delta.line_count) FILTER (WHERE delta.is_paid), 0) AS paid_line_count,
    COALESCE(sum(delta.line_count) FILTER (WHERE delta.network_code = 'out'), 0) AS out_of_network_line_count,
    0.01 * etl.total(delta.billed_cents) AS billed_amount,
    0.01 * etl.total(delta.allowed_cents) AS allowed_amount,
    0.01 * etl.total(delta.paid_cents) AS paid_amount
FROM work_claim_cents AS delta
WHERE delta.month_start_date = ANY(:months)
GROUP BY
    delta.calendar_year, delta.quarter_number, delta.rendering_provider_durable_key,
    delta.service_category_code
