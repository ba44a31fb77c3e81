-- Title:  Claims by quarter of service, rendering provider and service category
-- Fills:  mart.claims_quarterly_provider: adds what the delta sums to
-- Reads:  work_claim_delta, work_service
-- Values: none
INSERT INTO mart.claims_quarterly_provider AS cube (
    calendar_year, quarter_number, provider_durable_key, service_category_code, fact_row_count, claim_count,
    line_count, denied_line_count, paid_line_count, out_of_network_line_count, billed_amount, allowed_amount,
    paid_amount
)
SELECT
    extract(YEAR FROM delta.service_date)::smallint AS calendar_year,
    extract(QUARTER FROM delta.service_date)::smallint AS quarter_number,
    delta.rendering_provider_durable_key AS provider_durable_key,
    service.service_category_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.line_count) AS line_count,
    sum(delta.sign * delta.denied_line_count) AS denied_line_count,
    COALESCE(
        sum(delta.sign * delta.line_count) FILTER (WHERE delta.claim_line_status = 'paid'), 0
    ) AS paid_line_count,
    COALESCE(sum(delta.sign * delta.line_count) FILTER (WHERE NOT delta.is_in_network), 0) AS out_of_network_line_count,
    sum(delta.sign * delta.billed_amount) AS billed_amount,
    sum(delta.sign * delta.allowed_amount) AS allowed_amount,
    sum(delta.sign * delta.paid_amount) AS paid_amount
FROM work_claim_delta AS delta
INNER JOIN work_service AS service
    ON
        COALESCE(delta.claim_type, '') = service.claim_type
        AND COALESCE(delta.bill_type_code, '') = service.bill_type_code
        AND COALESCE(delta.place_of_service_code, '') = service.place_of_service_code
        AND COALESCE(delta.revenue_code, '') = service.revenue_code
        AND COALESCE(delta.procedure_code, '') = service.procedure_code
GROUP BY
    extract(YEAR FROM delta.service_date)::smallint, extract(QUARTER FROM delta.service_date)::smallint,
    delta.rendering_provider_durable_key,
    service.service_category_code
ON CONFLICT (calendar_year, quarter_number, provider_durable_key, service_category_code) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    claim_count = cube.claim_count + excluded.claim_count,
    line_count = cube.line_count + excluded.line_count,
    denied_line_count = cube.denied_line_count + excluded.denied_line_count,
    paid_line_count = cube.paid_line_count + excluded.paid_line_count,
    out_of_network_line_count = cube.out_of_network_line_count + excluded.out_of_network_line_count,
    billed_amount = cube.billed_amount + excluded.billed_amount,
    allowed_amount = cube.allowed_amount + excluded.allowed_amount,
    paid_amount = cube.paid_amount + excluded.paid_amount
