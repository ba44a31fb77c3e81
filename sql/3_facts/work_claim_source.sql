-- Title:  All lines of the families with several versions, as delivered, each version from its latest delivery
-- Fills:  work_claim_source, one row per claim version and line
-- Reads:  work_claim_family, work_claim_link, staging.stg_claim, etl.load, warehouse.fact_claim_line, dim_member,
-- Values: :loads
-- Reads too: of warehouse: dim_plan, dim_provider.
CREATE TEMPORARY TABLE work_claim_source ON COMMIT DROP AS
WITH told AS (
    SELECT
        COALESCE(
            member.member_durable_key,
            CASE
                WHEN claim.member_id IS NULL THEN -1
                ELSE etl.computed_key(octet_length(claim.member_id) || ':' || claim.member_id)
            END
        ) AS member_durable_key,
        claim.service_date,
        claim.claim_id,
        claim.claim_version_number,
        claim.claim_line_number,
        COALESCE(link.claim_family_id, claim.claim_id) AS claim_family_id,
        claim.claim_frequency_code,
        COALESCE(claim.claim_type, 'undetermined') AS claim_type,
        claim.claim_line_status,
        COALESCE(
            plan.plan_durable_key,
            CASE
                WHEN claim.plan_id IS NULL THEN -1
                ELSE etl.computed_key(
                    octet_length(claim.plan_id) || ':' || claim.plan_id
                    || ',4:' || extract(YEAR FROM claim.service_date)::text
                )
            END
        ) AS plan_durable_key,
        COALESCE(
            rendering.provider_durable_key,
            CASE
                WHEN claim.rendering_npi IS NULL THEN -1
                ELSE etl.computed_key(octet_length(claim.rendering_npi) || ':' || claim.rendering_npi)
            END
        ) AS rendering_provider_durable_key,
        COALESCE(
            billing.provider_durable_key,
            CASE
                WHEN claim.billing_npi IS NULL THEN -1
                ELSE etl.computed_key(octet_length(claim.billing_npi) || ':' || claim.billing_npi)
            END
        ) AS billing_provider_durable_key,
        claim.service_end_date,
        claim.received_date,
        claim.adjudicated_date,
        claim.paid_date,
        claim.place_of_service_code,
        claim.bill_type_code,
        claim.revenue_code,
        claim.drg_code,
        claim.principal_diagnosis_code,
        claim.procedure_code,
        claim.ndc_code,
        claim.is_in_network,
        claim.carc_group_code,
        claim.carc_code,
        COALESCE(claim.unit_count, 0) AS unit_count,
        claim.billed_amount,
        claim.allowed_amount,
        claim.paid_amount,
        COALESCE(claim.deductible_amount, 0) AS deductible_amount,
        COALESCE(claim.copay_amount, 0) AS copay_amount,
        COALESCE(claim.coinsurance_amount, 0) AS coinsurance_amount,
        COALESCE(claim.cob_amount, 0) AS cob_amount,
        claim.load_id,
        claim.load_timestamp
    FROM staging.stg_claim AS claim
    -- Linked claims are listed there themselves, beside the first one of their family.
    INNER JOIN work_claim_family AS family
        ON claim.claim_id = family.claim_family_id
    LEFT JOIN work_claim_link AS link
        ON claim.claim_id = link.claim_id
    -- A durable key is computed where no version is in force only, which takes longer than looking it up.
    LEFT JOIN warehouse.dim_member AS member
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
    WHERE claim.load_id = ANY(:loads)
    UNION ALL
    SELECT
        fact.member_durable_key,
        fact.service_date,
        fact.claim_id,
        fact.claim_version_number,
        fact.claim_line_number,
        COALESCE(link.claim_family_id, fact.claim_family_id) AS claim_family_id,
        fact.claim_frequency_code,
        fact.claim_type,
        fact.claim_line_status,
        fact.plan_durable_key,
        fact.rendering_provider_durable_key,
        fact.billing_provider_durable_key,
        fact.service_end_date,
        fact.received_date,
        fact.adjudicated_date,
        fact.paid_date,
        fact.place_of_service_code,
        fact.bill_type_code,
        fact.revenue_code,
        fact.drg_code,
        fact.principal_diagnosis_code,
        fact.procedure_code,
        fact.ndc_code,
        fact.is_in_network,
        fact.carc_group_code,
        fact.carc_code,
        fact.unit_count,
        fact.billed_amount,
        fact.allowed_amount,
        fact.paid_amount,
        fact.deductible_amount,
        fact.copay_amount,
        fact.coinsurance_amount,
        fact.cob_amount,
        fact.load_id,
        fact.load_timestamp
    FROM warehouse.fact_claim_line AS fact
    INNER JOIN work_claim_family AS family
        ON fact.claim_family_id = family.claim_family_id
    LEFT JOIN work_claim_link AS link
        ON fact.claim_id = link.claim_id
    WHERE
        NOT fact.is_reversal
        AND fact.load_id <> ALL(:loads)
),

-- The same version delivered twice: the later delivery is in force, whole.
in_force AS (
    SELECT DISTINCT ON (told.claim_id, told.claim_version_number)
        told.claim_id,
        told.claim_version_number,
        told.load_id
    FROM told
    INNER JOIN etl.load AS load
        ON told.load_id = load.load_id
    ORDER BY told.claim_id, told.claim_version_number, load.as_of DESC, told.load_id DESC
)

SELECT told.*
FROM told
INNER JOIN in_force
    ON
        told.claim_id = in_force.claim_id
        AND told.claim_version_number = in_force.claim_version_number
        AND told.load_id = in_force.load_id
