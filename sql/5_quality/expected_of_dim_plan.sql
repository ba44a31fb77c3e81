-- Title:  Plan versions as their rules see them: a column a rule, true where the version is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.dim_plan
-- Values: :moop_years, :moop_limits, :metal_levels, :metal_lows, :metal_highs
WITH versions AS (
    SELECT
        plan.*,
        lead(plan.start_date) OVER entity AS next_start_date,
        min(plan.plan_id) OVER entity <> max(plan.plan_id) OVER entity
        OR min(plan.plan_year) OVER entity <> max(plan.plan_year) OVER entity AS is_shared,
        count(*) OVER (PARTITION BY plan.plan_id, plan.plan_year, plan.start_date) > 1 AS is_doubled,
        count(*) OVER (PARTITION BY plan.plan_key) > 1 AS is_key_doubled
    FROM warehouse.dim_plan AS plan
    WHERE plan.plan_key NOT IN (-1, -2)
    WINDOW
        entity AS (
            PARTITION BY plan.plan_durable_key
            ORDER BY plan.start_date
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
),

limits AS (
    SELECT
        year.plan_year,
        year.moop_limit
    FROM unnest(:moop_years::integer[], :moop_limits::numeric[]) AS year (plan_year, moop_limit)
),

metals AS (
    SELECT
        metal.metal_level,
        metal.low,
        metal.high
    FROM unnest(:metal_levels::text[], :metal_lows::numeric[], :metal_highs::numeric[])
        AS metal (metal_level, low, high)
)

SELECT
    versions.plan_id || ' ' || versions.plan_year || ' from ' || versions.start_date AS failed_key,
    versions.metal_level,
    versions.plan_type,
    versions.csr_variant_code,
    versions.member_coinsurance_rate,
    versions.base_premium_amount,
    versions.is_inferred AS unknown_plan,
    versions.next_start_date < versions.end_date AS versions_overlap,
    versions.start_date >= versions.end_date AS interval_inverted,
    versions.is_shared AS durable_key_shared,
    versions.is_doubled AS business_key_doubled,
    versions.is_key_doubled AS surrogate_key_doubled,
    versions.row_hash IS NULL AND NOT versions.is_inferred AS hash_missing,
    versions.plan_id !~ '^[0-9]{5}[A-Z]{2}[0-9]{7}-[0-9]{2}$' AS hios_id_malformed,
    versions.issuer_id <> left(versions.plan_id, 5) AS issuer_not_of_hios_id,
    versions.product_id <> left(versions.plan_id, 10) AS product_not_of_hios_id,
    versions.state_code <> substr(versions.plan_id, 6, 2) AS state_not_of_hios_id,
    versions.csr_variant_code <> right(versions.plan_id, 2) AS variant_not_of_hios_id,
    NOT versions.is_inferred AND versions.base_premium_amount IS NULL AS premium_missing,
    versions.csr_variant_code IN ('04', '05', '06') AND versions.metal_level <> 'Silver' AS csr_variant_off_silver,
    versions.metal_level = 'Catastrophic' AND versions.csr_variant_code NOT IN ('00', '01') AS catastrophic_with_csr,
    versions.csr_variant_code IN ('00', '01', '03')
    AND (versions.actuarial_value_rate < metals.low OR versions.actuarial_value_rate > metals.high)
        AS actuarial_value_off_metal,
    versions.individual_moop_amount > limits.moop_limit OR versions.family_moop_amount > 2 * limits.moop_limit
        AS moop_over_limit,
    versions.individual_deductible_amount > versions.individual_moop_amount
    OR versions.family_deductible_amount > versions.family_moop_amount AS deductible_over_moop,
    versions.family_moop_amount < versions.individual_moop_amount
    OR versions.family_deductible_amount < versions.individual_deductible_amount AS family_below_individual,
    versions.metal_level = 'Catastrophic' AND versions.is_hsa_eligible AND versions.plan_year < 2026
        AS catastrophic_with_hsa
FROM versions
LEFT JOIN limits
    ON versions.plan_year = limits.plan_year
LEFT JOIN metals
    ON versions.metal_level = metals.metal_level
