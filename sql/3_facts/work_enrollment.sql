-- Title:  Enrollment transactions of these loads, the latest delivery of each, with surrogate keys
-- Fills:  work_enrollment, one row per transaction that is new or delivered anew
-- Reads:  staging.stg_enrollment, etl.load, warehouse.dim_member, dim_plan, dim_geography, fact_enrollment
-- Values: :loads
CREATE TEMPORARY TABLE work_enrollment ON COMMIT DROP AS
WITH delivered AS (
    SELECT DISTINCT ON (enrollment.transaction_id)
        enrollment.*,
        load.as_of
    FROM staging.stg_enrollment AS enrollment
    INNER JOIN etl.load AS load
        ON enrollment.load_id = load.load_id
    WHERE enrollment.load_id = ANY(:loads)
    ORDER BY enrollment.transaction_id, load.as_of DESC, enrollment.load_id DESC
)

SELECT
    COALESCE(
        member.member_durable_key,
        etl.computed_key(octet_length(delivered.member_id) || ':' || delivered.member_id)
    ) AS member_durable_key,
    delivered.transaction_id,
    delivered.enrollment_id,
    delivered.transaction_date,
    delivered.policy_id,
    COALESCE(member.member_key, -2) AS member_key,
    COALESCE(
        plan.plan_durable_key,
        etl.computed_key(
            octet_length(delivered.plan_id) || ':' || delivered.plan_id || ','
            || octet_length(delivered.plan_year::text) || ':' || delivered.plan_year::text
        )
    ) AS plan_durable_key,
    COALESCE(plan.plan_key, -2) AS plan_key,
    COALESCE(geography.geography_key, -1) AS geography_key,
    delivered.coverage_start_date,
    COALESCE(
        delivered.coverage_end_date,
        GREATEST(make_date(delivered.plan_year, 12, 31), delivered.coverage_start_date)
    ) AS coverage_end_date,
    to_char(delivered.coverage_start_date, 'YYYYMMDD')::integer AS coverage_start_date_key,
    delivered.maintenance_type_code,
    delivered.maintenance_reason_code,
    delivered.enrollment_status,
    delivered.enrollment_period,
    delivered.renewal_type,
    COALESCE(delivered.gross_premium_amount, 0) AS gross_premium_amount,
    COALESCE(delivered.aptc_amount, 0) AS aptc_amount,
    COALESCE(delivered.net_premium_amount, 0) AS net_premium_amount,
    delivered.load_id,
    delivered.load_timestamp
FROM delivered
LEFT JOIN warehouse.dim_member AS member
    ON
        delivered.member_id = member.member_id
        AND delivered.coverage_start_date >= member.start_date
        AND delivered.coverage_start_date < member.end_date
LEFT JOIN warehouse.dim_plan AS plan
    ON
        delivered.plan_id = plan.plan_id
        AND delivered.plan_year = plan.plan_year
        AND delivered.coverage_start_date >= plan.start_date
        AND delivered.coverage_start_date < plan.end_date
LEFT JOIN warehouse.dim_geography AS geography
    ON
        COALESCE(member.state_code, '') = geography.state_code
        AND COALESCE(member.county_fips, '') = geography.county_fips
        AND COALESCE(member.rating_area, 0) = geography.rating_area
LEFT JOIN (
    SELECT
        fact.transaction_id,
        load.as_of
    FROM warehouse.fact_enrollment AS fact
    INNER JOIN etl.load AS load
        ON fact.load_id = load.load_id
) AS known
    ON delivered.transaction_id = known.transaction_id
WHERE known.transaction_id IS NULL OR known.as_of <= delivered.as_of
