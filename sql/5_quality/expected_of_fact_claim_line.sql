-- Title:  Claim lines as their rules see them: a column a rule, true where the line is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.fact_claim_line, dim_member, dim_plan, dim_provider, dim_geography, dim_date, etl.load
-- Values: :cent, :filing_days
-- Reads the codes too: dim_diagnosis
-- Every code that a claim names has its row there: few codes are looked at, not every line.
WITH malformed AS (
    SELECT code.diagnosis_code
    FROM warehouse.dim_diagnosis AS code
    WHERE code.diagnosis_code !~ '^[A-TV-Z][0-9][0-9A-Z]([.]?[0-9A-Z]{1,4})?$'
),

-- One row a key, told so: who only counts the rows is spared the joins.
member AS NOT MATERIALIZED (
    SELECT DISTINCT ON (dim.member_key)
        dim.member_key,
        dim.member_durable_key,
        dim.start_date,
        dim.end_date,
        dim.birth_date,
        dim.is_inferred
    FROM warehouse.dim_member AS dim
),

plan AS NOT MATERIALIZED (
    SELECT DISTINCT ON (dim.plan_key)
        dim.plan_key,
        dim.plan_durable_key,
        dim.start_date,
        dim.end_date,
        dim.is_inferred
    FROM warehouse.dim_plan AS dim
),

provider AS NOT MATERIALIZED (
    SELECT DISTINCT ON (dim.provider_key)
        dim.provider_key,
        dim.provider_durable_key,
        dim.start_date,
        dim.end_date,
        dim.is_inferred
    FROM warehouse.dim_provider AS dim
)

SELECT
    fact.claim_id || ' version ' || fact.claim_version_number || ' line ' || fact.claim_line_number AS failed_key,
    fact.claim_type,
    fact.claim_line_status,
    fact.claim_frequency_code,
    fact.carc_group_code,
    fact.is_in_network,
    fact.received_date,
    -- Keys: every one has its row, and the row is the version that was in force on the day of service.
    member.member_key IS NULL AS member_key_unresolved,
    plan.plan_key IS NULL AS plan_key_unresolved,
    rendering.provider_key IS NULL AS rendering_provider_key_unresolved,
    fact.billing_provider_key NOT IN (SELECT dim.provider_key FROM warehouse.dim_provider AS dim)
        AS billing_provider_key_unresolved,
    fact.geography_key NOT IN (SELECT dim.geography_key FROM warehouse.dim_geography AS dim)
        AS geography_key_unresolved,
    (fact.service_date_key, fact.service_date) NOT IN (
        SELECT
            day.date_key,
            day.calendar_date
        FROM warehouse.dim_date AS day
    ) AS service_date_key_wrong,
    fact.member_key NOT IN (-1, -2) AND (
        member.member_durable_key <> fact.member_durable_key
        OR fact.service_date < member.start_date OR fact.service_date >= member.end_date
    ) AS member_version_not_in_force,
    fact.plan_key NOT IN (-1, -2) AND (
        plan.plan_durable_key <> fact.plan_durable_key
        OR fact.service_date < plan.start_date OR fact.service_date >= plan.end_date
    ) AS plan_version_not_in_force,
    fact.rendering_provider_key NOT IN (-1, -2) AND (
        rendering.provider_durable_key <> fact.rendering_provider_durable_key
        OR fact.service_date < rendering.start_date OR fact.service_date >= rendering.end_date
    ) AS provider_version_not_in_force,
    -- Signs: a reversal takes back, nothing else does.
    fact.is_reversal AND fact.is_final_action AS reversal_in_force,
    fact.line_count <> CASE WHEN fact.is_reversal THEN -1 WHEN fact.claim_frequency_code = '8' THEN 0 ELSE 1 END
        AS line_count_wrong,
    abs(fact.claim_count) > 1 OR abs(fact.denied_line_count) > abs(fact.line_count) AS count_wrong,
    NOT fact.is_reversal AND (fact.billed_amount < 0 OR fact.allowed_amount < 0 OR fact.paid_amount < 0)
        AS negative_amount,
    NOT fact.is_reversal AND fact.unit_count < 0 AS negative_units,
    -- Money.
    abs(fact.allowed_amount) > abs(fact.billed_amount) AS allowed_exceeds_billed,
    abs(fact.paid_amount) > abs(fact.allowed_amount) AS paid_exceeds_allowed,
    fact.claim_line_status = 'paid' AND abs(
        fact.allowed_amount - fact.paid_amount - fact.deductible_amount - fact.copay_amount - fact.coinsurance_amount
        - fact.cob_amount
    ) > :cent AS amounts_do_not_add_up,
    fact.claim_line_status = 'denied' AND fact.allowed_amount <> 0 AS denied_with_allowed,
    fact.claim_line_status = 'denied' AND fact.paid_amount <> 0 AS denied_with_paid,
    fact.claim_line_status = 'denied' AND fact.carc_code IS NULL AS denied_without_reason,
    fact.claim_line_status = 'pended' AND fact.paid_amount <> 0 AS pended_with_paid,
    fact.claim_line_status = 'paid' AND fact.paid_date IS NULL AND fact.paid_amount <> 0 AS paid_without_date,
    -- Dates.
    fact.service_end_date < fact.service_date AS service_ends_before_it_begins,
    fact.received_date < fact.service_date AS received_before_service,
    fact.adjudicated_date < fact.received_date AS adjudicated_before_received,
    fact.paid_date < fact.received_date AS paid_before_received,
    fact.service_date > load.as_of AS service_in_the_future,
    fact.service_date < member.birth_date AS service_before_birth,
    NOT fact.is_reversal AND fact.claim_line_status = 'paid'
    AND fact.received_date - COALESCE(fact.service_end_date, fact.service_date) > :filing_days AS filed_too_late,
    -- Codes.
    fact.claim_type <> 'professional' AND fact.place_of_service_code IS NOT NULL AS place_of_service_off_professional,
    fact.claim_type = 'professional' AND fact.place_of_service_code IS NULL AS professional_without_place_of_service,
    fact.claim_type <> 'institutional' AND fact.bill_type_code IS NOT NULL AS bill_type_off_institutional,
    fact.claim_type = 'institutional' AND fact.bill_type_code IS NULL AS institutional_without_bill_type,
    fact.claim_type <> 'institutional' AND fact.revenue_code IS NOT NULL AS revenue_code_off_institutional,
    fact.drg_code IS NOT NULL AND (
        fact.bill_type_code IS NULL OR fact.bill_type_code NOT LIKE '011%' AND fact.bill_type_code NOT LIKE '11%'
    ) AS drg_off_inpatient,
    fact.drg_code IS NOT NULL AND NOT (fact.drg_code BETWEEN '001' AND '999' AND length(fact.drg_code) = 3)
        AS drg_malformed,
    fact.ndc_code IS NOT NULL AND fact.claim_type NOT IN ('pharmacy', 'undetermined') AS ndc_off_pharmacy,
    fact.claim_type = 'pharmacy' AND fact.ndc_code IS NULL AS pharmacy_without_ndc,
    fact.ndc_code IS NOT NULL AND length(replace(fact.ndc_code, '-', '')) NOT IN (10, 11) AS ndc_malformed,
    fact.principal_diagnosis_code IS NULL AND fact.claim_type IN ('professional', 'institutional')
        AS diagnosis_missing,
    fact.principal_diagnosis_code = ANY(array(SELECT malformed.diagnosis_code FROM malformed)) AS diagnosis_malformed,
    fact.procedure_code IS NULL AND fact.claim_type = 'professional' AS procedure_missing,
    -- Who and what it is about.
    fact.member_durable_key = -1 AS member_not_given,
    fact.plan_durable_key = -1 AS plan_not_given,
    fact.rendering_provider_durable_key = -1 AS provider_not_given,
    member.is_inferred AS unknown_member,
    plan.is_inferred AS unknown_plan,
    rendering.is_inferred AS unknown_provider,
    fact.member_key = -2 OR fact.plan_key = -2 OR fact.rendering_provider_key = -2 OR fact.billing_provider_key = -2
        AS no_version_on_the_day,
    fact.is_orphan_claim AS orphan_claim,
    fact.is_plan_mismatch AS plan_mismatch
FROM warehouse.fact_claim_line AS fact
LEFT JOIN member
    ON fact.member_key = member.member_key
LEFT JOIN plan
    ON fact.plan_key = plan.plan_key
LEFT JOIN provider AS rendering
    ON fact.rendering_provider_key = rendering.provider_key
LEFT JOIN etl.load AS load
    ON fact.load_id = load.load_id
