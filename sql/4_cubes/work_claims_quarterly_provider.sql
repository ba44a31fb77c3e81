-- Title:  Claims by quarter of service, rendering provider and service category
-- Fills:  work_claims_quarterly_provider: what is then added to mart.claims_quarterly_provider
-- Reads:  work_claim_delta, warehouse.dim_date
-- Values: none
CREATE TEMPORARY TABLE work_claims_quarterly_provider ON COMMIT DROP AS
SELECT
    service_day.calendar_year,
    service_day.quarter_number,
    delta.rendering_provider_durable_key AS provider_durable_key,
    delta.service_category_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.claim_count) AS claim_count,
    sum(delta.line_count) AS line_count,
    sum(delta.denied_line_count) AS denied_line_count,
    COALESCE(
        sum(delta.line_count) FILTER (WHERE delta.claim_line_status = 'paid'), 0
    ) AS paid_line_count,
    COALESCE(sum(delta.line_count) FILTER (WHERE NOT delta.is_in_network), 0) AS out_of_network_line_count,
    sum(delta.billed_amount) AS billed_amount,
    sum(delta.allowed_amount) AS allowed_amount,
    sum(delta.paid_amount) AS paid_amount
FROM work_claim_delta AS delta
INNER JOIN warehouse.dim_date AS service_day
    ON delta.service_date = service_day.calendar_date
GROUP BY
    service_day.calendar_year, service_day.quarter_number, delta.rendering_provider_durable_key,
    delta.service_category_code
