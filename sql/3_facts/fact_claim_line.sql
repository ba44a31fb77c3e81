-- Title:  Claim lines of families with one version, with the keys of dim_date and of versions in force on that day
-- Fills:  warehouse.fact_claim_line, one row per claim and line
-- Reads:  stg_claim, work_claim_family, work_coverage, work_service, dim_member, dim_plan, dim_provider, dim_geography
-- Values: :loads
INSERT INTO warehouse.fact_claim_line
WITH located_member AS (
    SELECT
        member.member_id,
        member.member_durable_key,
        member.member_key,
        member.start_date,
        member.end_date,
        COALESCE(geography.geography_key, -1) AS geography_key
    FROM warehouse.dim_member AS member
    LEFT JOIN warehouse.dim_geography AS geography
        ON
            COALESCE(member.state_code, '') = geography.state_code
            AND COALESCE(member.county_fips, '') = geography.county_fips
            AND COALESCE(member.rating_area, 0) = geography.rating_area
),

keyed AS (
    SELECT
        claim.*,
        COALESCE(
            member.member_durable_key,
            CASE
                WHEN claim.member_id IS NULL THEN -1
                ELSE etl.computed_key(octet_length(claim.member_id) || ':' || claim.member_id)
            END
        ) AS member_durable_key,
        COALESCE(member.member_key, CASE WHEN claim.member_id IS NULL THEN -1 ELSE -2 END) AS member_key,
        COALESCE(member.geography_key, -1) AS geography_key,
        COALESCE(
            plan.plan_durable_key,
            CASE
                WHEN claim.plan_id IS NULL THEN -1
                ELSE etl.computed_key(
                    octet_length(claim.plan_id) || ':' || claim.plan_id || ',4:'
                    || extract(YEAR FROM claim.service_date)::text
                )
            END
        ) AS plan_durable_key,
        COALESCE(plan.plan_key, CASE WHEN claim.plan_id IS NULL THEN -1 ELSE -2 END) AS plan_key,
        COALESCE(
            rendering.provider_durable_key,
            CASE
                WHEN claim.rendering_npi IS NULL THEN -1
                ELSE etl.computed_key(octet_length(claim.rendering_npi) || ':' || claim.rendering_npi)
            END
        ) AS rendering_provider_durable_key,
        COALESCE(rendering.provider_key, CASE WHEN claim.rendering_npi IS NULL THEN -1 ELSE -2 END)
            AS rendering_provider_key,
        COALESCE(
            billing.provider_durable_key,
            CASE
                WHEN claim.billing_npi IS NULL THEN -1
                ELSE etl.computed_key(octet_length(claim.billing_npi) || ':' || claim.billing_npi)
            END
        ) AS billing_provider_durable_key,
        COALESCE(billing.provider_key, CASE WHEN claim.billing_npi IS NULL THEN -1 ELSE -2 END) AS billing_provider_key
    FROM staging.stg_claim AS claim
    LEFT JOIN work_claim_family AS family
        ON claim.claim_id = family.claim_family_id
    LEFT JOIN located_member AS member
        ON
            claim.member_id = member.member_id
            AND claim.service_date >= member.start_date
            AND claim.service_date < member.end_date
    LEFT JOIN warehouse.dim_plan AS plan
        ON
            claim.plan_id = plan.plan_id
            AND extract(YEAR FROM claim.service_date)::integer = plan.plan_year
            AND claim.service_date >= plan.start_date
            AND claim.service_date < plan.end_date
    LEFT JOIN warehouse.dim_provider AS rendering
        ON
            claim.rendering_npi = rendering.npi
            AND claim.service_date >= rendering.start_date
            AND claim.service_date < rendering.end_date
    LEFT JOIN warehouse.dim_provider AS billing
        ON
            claim.billing_npi = billing.npi
            AND claim.service_date >= billing.start_date
            AND claim.service_date < billing.end_date
    WHERE claim.load_id = ANY(:loads) AND family.claim_family_id IS NULL
)

SELECT
    claim.member_durable_key,
    claim.member_key,
    claim.plan_durable_key,
    claim.plan_key,
    claim.rendering_provider_durable_key,
    claim.rendering_provider_key,
    claim.billing_provider_durable_key,
    claim.billing_provider_key,
    claim.geography_key,
    claim.load_id,
    claim.load_timestamp,
    claim.service_date,
    service_day.date_key AS service_date_key,
    claim.claim_version_number,
    claim.claim_line_number,
    (claim.claim_line_number = 1)::integer::smallint AS claim_count,
    1::smallint AS line_count,
    (claim.claim_line_status = 'denied')::integer::smallint AS denied_line_count,
    FALSE AS is_reversal,
    TRUE AS is_final_action,
    covered.member_durable_key IS NULL AS is_orphan_claim,
    covered.member_durable_key IS NOT NULL AND by_plan.member_durable_key IS NULL AS is_plan_mismatch,
    received_day.date_key AS received_date_key,
    paid_day.date_key AS paid_date_key,
    claim.service_end_date,
    claim.received_date,
    claim.adjudicated_date,
    claim.paid_date,
    claim.is_in_network,
    COALESCE(claim.unit_count, 0) AS unit_count,
    claim.billed_amount,
    claim.allowed_amount,
    claim.paid_amount,
    COALESCE(claim.deductible_amount, 0) AS deductible_amount,
    COALESCE(claim.copay_amount, 0) AS copay_amount,
    COALESCE(claim.coinsurance_amount, 0) AS coinsurance_amount,
    COALESCE(claim.cob_amount, 0) AS cob_amount,
    claim.claim_id,
    claim.claim_id AS claim_family_id,
    claim.claim_frequency_code,
    COALESCE(claim.claim_type, 'undetermined') AS claim_type,
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
FROM keyed AS claim
LEFT JOIN work_service AS service
    ON
        COALESCE(claim.claim_type, 'undetermined') = service.claim_type
        AND COALESCE(claim.bill_type_code, '') = service.bill_type_code
        AND COALESCE(claim.place_of_service_code, '') = service.place_of_service_code
        AND COALESCE(claim.revenue_code, '') = service.revenue_code
        AND COALESCE(claim.procedure_code, '') = service.procedure_code
LEFT JOIN warehouse.dim_date AS service_day
    ON claim.service_date = service_day.calendar_date
LEFT JOIN warehouse.dim_date AS received_day
    ON claim.received_date = received_day.calendar_date
LEFT JOIN warehouse.dim_date AS paid_day
    ON claim.paid_date = paid_day.calendar_date
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
