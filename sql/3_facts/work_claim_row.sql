-- Title:  The rows that the families with several versions should have, with surrogate keys
-- Fills:  work_claim_row (made LIKE warehouse.fact_claim_line)
-- Reads:  work_claim_signed, work_coverage, work_service, warehouse.dim_member, dim_plan, dim_provider, dim_geography
-- Values: none
INSERT INTO work_claim_row
SELECT
    claim.member_durable_key,
    COALESCE(member.member_key, CASE WHEN claim.member_durable_key = -1 THEN -1 ELSE -2 END) AS member_key,
    claim.plan_durable_key,
    COALESCE(plan.plan_key, CASE WHEN claim.plan_durable_key = -1 THEN -1 ELSE -2 END) AS plan_key,
    claim.rendering_provider_durable_key,
    COALESCE(rendering.provider_key, CASE WHEN claim.rendering_provider_durable_key = -1 THEN -1 ELSE -2 END)
        AS rendering_provider_key,
    claim.billing_provider_durable_key,
    COALESCE(billing.provider_key, CASE WHEN claim.billing_provider_durable_key = -1 THEN -1 ELSE -2 END)
        AS billing_provider_key,
    COALESCE(geography.geography_key, -1) AS geography_key,
    claim.load_id,
    claim.load_timestamp,
    claim.service_date,
    to_char(claim.service_date, 'YYYYMMDD')::integer AS service_date_key,
    claim.claim_version_number,
    claim.claim_line_number,
    CASE WHEN claim.is_first_line THEN claim.sign ELSE 0 END::smallint AS claim_count,
    claim.sign::smallint AS line_count,
    CASE WHEN claim.claim_line_status = 'denied' THEN claim.sign ELSE 0 END::smallint AS denied_line_count,
    claim.is_reversal,
    claim.is_final_action,
    covered.member_durable_key IS NULL AS is_orphan_claim,
    covered.member_durable_key IS NOT NULL AND by_plan.member_durable_key IS NULL AS is_plan_mismatch,
    to_char(claim.received_date, 'YYYYMMDD')::integer AS received_date_key,
    to_char(claim.paid_date, 'YYYYMMDD')::integer AS paid_date_key,
    claim.service_end_date,
    claim.received_date,
    claim.adjudicated_date,
    claim.paid_date,
    claim.is_in_network,
    claim.sign * claim.unit_count AS unit_count,
    claim.sign * claim.billed_amount AS billed_amount,
    claim.sign * claim.allowed_amount AS allowed_amount,
    claim.sign * claim.paid_amount AS paid_amount,
    claim.sign * claim.deductible_amount AS deductible_amount,
    claim.sign * claim.copay_amount AS copay_amount,
    claim.sign * claim.coinsurance_amount AS coinsurance_amount,
    claim.sign * claim.cob_amount AS cob_amount,
    claim.claim_id,
    claim.claim_family_id,
    claim.claim_frequency_code,
    claim.claim_type,
    claim.claim_line_status,
    COALESCE(service.service_category_code, 'other') AS service_category_code,
    claim.place_of_service_code,
    claim.bill_type_code,
    claim.revenue_code,
    claim.drg_code,
    claim.principal_diagnosis_code,
    claim.procedure_code,
    claim.ndc_code,
    claim.carc_group_code,
    claim.carc_code
FROM work_claim_signed AS claim
LEFT JOIN work_service AS service
    ON
        claim.claim_type = service.claim_type
        AND COALESCE(claim.bill_type_code, '') = service.bill_type_code
        AND COALESCE(claim.place_of_service_code, '') = service.place_of_service_code
        AND COALESCE(claim.revenue_code, '') = service.revenue_code
        AND COALESCE(claim.procedure_code, '') = service.procedure_code
LEFT JOIN warehouse.dim_member AS member
    ON
        claim.member_durable_key = member.member_durable_key
        AND claim.service_date >= member.start_date
        AND claim.service_date < member.end_date
LEFT JOIN warehouse.dim_geography AS geography
    ON
        COALESCE(member.state_code, '') = geography.state_code
        AND COALESCE(member.county_fips, '') = geography.county_fips
        AND COALESCE(member.rating_area, 0) = geography.rating_area
LEFT JOIN warehouse.dim_plan AS plan
    ON
        claim.plan_durable_key = plan.plan_durable_key
        AND claim.service_date >= plan.start_date
        AND claim.service_date < plan.end_date
LEFT JOIN warehouse.dim_provider AS rendering
    ON
        claim.rendering_provider_durable_key = rendering.provider_durable_key
        AND claim.service_date >= rendering.start_date
        AND claim.service_date < rendering.end_date
LEFT JOIN warehouse.dim_provider AS billing
    ON
        claim.billing_provider_durable_key = billing.provider_durable_key
        AND claim.service_date >= billing.start_date
        AND claim.service_date < billing.end_date
LEFT JOIN work_coverage AS covered
    ON
        claim.member_durable_key = covered.member_durable_key
        AND covered.plan_durable_key IS NULL
        AND claim.service_date >= covered.coverage_start_date
        AND claim.service_date <= covered.coverage_end_date
LEFT JOIN work_coverage AS by_plan
    ON
        claim.member_durable_key = by_plan.member_durable_key
        AND claim.plan_durable_key = by_plan.plan_durable_key
        AND claim.service_date >= by_plan.coverage_start_date
        AND claim.service_date <= by_plan.coverage_end_date
