-- Title:  Enrollment transactions as their rules see them: a column a rule, true where the transaction is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.fact_enrollment, dim_member, dim_plan, dim_geography
-- Values: :cent
WITH spans AS (
    SELECT
        fact.*,
        count(*) OVER (PARTITION BY fact.transaction_id) > 1 AS is_doubled,
        sum(fact.is_current_version::integer) OVER (PARTITION BY fact.enrollment_id) AS current_count,
        fact.is_current_version AND fact.enrollment_status IN ('effectuated', 'terminated')
        AND fact.coverage_start_date <= fact.coverage_end_date AS is_coverage
    FROM warehouse.fact_enrollment AS fact
)

SELECT
    'transaction ' || spans.transaction_id AS failed_key,
    spans.enrollment_status,
    spans.enrollment_period,
    spans.renewal_type,
    spans.gross_premium_amount,
    spans.is_doubled AS transaction_doubled,
    spans.current_count <> 1 AS not_one_current_version,
    member.member_key IS NULL AS member_key_unresolved,
    plan.plan_key IS NULL AS plan_key_unresolved,
    geography.geography_key IS NULL AS geography_key_unresolved,
    spans.member_key NOT IN (-1, -2) AND (
        member.member_durable_key <> spans.member_durable_key
        OR spans.coverage_start_date < member.start_date OR spans.coverage_start_date >= member.end_date
    ) AS member_version_not_in_force,
    member.is_inferred AS unknown_member,
    plan.is_inferred AS unknown_plan,
    abs(spans.gross_premium_amount - spans.aptc_amount - spans.net_premium_amount) > :cent AS premium_does_not_split,
    spans.aptc_amount > spans.gross_premium_amount AS aptc_over_premium,
    spans.aptc_amount > 0 AND plan.metal_level = 'Catastrophic' AS aptc_on_catastrophic,
    spans.aptc_amount > 0 AND plan.csr_variant_code = '00' AS aptc_off_exchange,
    spans.coverage_end_date < spans.coverage_start_date AND spans.enrollment_status <> 'cancelled'
        AS coverage_ends_before_it_begins,
    plan.plan_year <> 0 AND spans.enrollment_status <> 'cancelled' AND (
        extract(YEAR FROM spans.coverage_start_date) <> plan.plan_year
        OR extract(YEAR FROM spans.coverage_end_date) <> plan.plan_year
    ) AS coverage_outside_plan_year,
    extract(DAY FROM spans.coverage_start_date) <> 1 AND spans.enrollment_period = 'OEP' AS starts_mid_month_in_oep,
    spans.is_coverage AND spans.coverage_start_date <= max(spans.coverage_end_date) OVER (
        PARTITION BY spans.member_durable_key, spans.is_coverage
        ORDER BY spans.coverage_start_date, spans.transaction_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS coverage_overlaps
FROM spans
LEFT JOIN warehouse.dim_member AS member
    ON spans.member_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON spans.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_geography AS geography
    ON spans.geography_key = geography.geography_key
