-- Title:  The months that the touched members should have
-- Fills:  work_member_month, one row per member, policy and month; in a rebuild the fact itself
-- Reads:  work_touched_member, warehouse.fact_enrollment, dim_member, dim_plan, dim_geography, dim_age_band
-- Values: none
WITH spans AS (
    SELECT
        span.*,
        extract(YEAR FROM span.coverage_start_date)::integer * 12
        + extract(MONTH FROM span.coverage_start_date)::integer - 1 AS first_month_number,
        extract(YEAR FROM span.coverage_end_date)::integer * 12
        + extract(MONTH FROM span.coverage_end_date)::integer - 1 AS last_month_number
    FROM warehouse.fact_enrollment AS span
    INNER JOIN work_touched_member AS touched
        ON span.member_durable_key = touched.member_durable_key
    WHERE
        span.is_current_version
        AND span.enrollment_status IN ('effectuated', 'terminated')
        AND span.coverage_start_date <= span.coverage_end_date
),

-- Put in order once, before they become many times as many months: what is sorted later is but the months of a member.
ordered AS MATERIALIZED (
    SELECT
        spans.*,
        -- No other span of the member reaches into one of its months, which then need no comparison.
        COALESCE(spans.first_month_number > max(spans.last_month_number) OVER earlier, TRUE)
        AND COALESCE(spans.last_month_number < min(spans.first_month_number) OVER later, TRUE) AS is_plain
    FROM spans
    WINDOW
        earlier AS (
            PARTITION BY spans.member_durable_key ORDER BY spans.coverage_start_date, spans.enrollment_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        later AS (
            PARTITION BY spans.member_durable_key ORDER BY spans.coverage_start_date, spans.enrollment_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
    ORDER BY spans.member_durable_key
),

-- Read twice, but no month twice.
covered AS NOT MATERIALIZED (
    SELECT
        ordered.member_durable_key,
        ordered.policy_id,
        ordered.enrollment_id,
        ordered.coverage_start_date,
        ordered.is_plain,
        ordered.plan_durable_key,
        ordered.gross_premium_amount,
        ordered.aptc_amount,
        ordered.net_premium_amount,
        ordered.load_id,
        ordered.load_timestamp,
        month.month_start_date,
        month.month_end_date,
        month.month_end_date_key,
        LEAST(ordered.coverage_end_date, month.month_end_date) AS last_covered_date,
        LEAST(ordered.coverage_end_date, month.month_end_date)
        - GREATEST(ordered.coverage_start_date, month.month_start_date) + 1 AS days_covered,
        ordered.coverage_start_date <= month.month_start_date + 14
        AND ordered.coverage_end_date >= month.month_start_date + 14 AS is_mid_month
    FROM ordered
    CROSS JOIN LATERAL (
        SELECT
            make_date(number / 12, number % 12 + 1, 1) AS month_start_date,
            make_date((number + 1) / 12, (number + 1) % 12 + 1, 1) - 1 AS month_end_date,
            -- YYYYMMDD
            number / 12 * 10000 + (number % 12 + 1) * 100
            + (make_date((number + 1) / 12, (number + 1) % 12 + 1, 1) - make_date(number / 12, number % 12 + 1, 1))
                AS month_end_date_key
        FROM generate_series(ordered.first_month_number, ordered.last_month_number) AS calendar (number)
    ) AS month
),

-- A policy with two spans in one month counts once: the later one names plan and premium.
by_policy AS (
    SELECT DISTINCT ON (covered.member_durable_key, covered.month_start_date, covered.policy_id)
        covered.*,
        LEAST(
            sum(covered.days_covered) OVER (
                PARTITION BY covered.member_durable_key, covered.month_start_date, covered.policy_id
            ),
            covered.month_end_date - covered.month_start_date + 1
        )::integer AS days_covered_count,
        bool_or(covered.is_mid_month) OVER (
            PARTITION BY covered.member_durable_key, covered.month_start_date, covered.policy_id
        ) AS is_covered_mid_month
    FROM covered
    WHERE NOT covered.is_plain
    ORDER BY
        covered.member_durable_key, covered.month_start_date, covered.policy_id,
        covered.last_covered_date DESC, covered.coverage_start_date DESC, covered.enrollment_id
),

ranked AS (
    SELECT
        covered.*,
        covered.days_covered AS days_covered_count,
        covered.is_mid_month AS is_covered_mid_month,
        TRUE AS is_primary
    FROM covered
    WHERE covered.is_plain
    UNION ALL
    SELECT
        by_policy.*,
        row_number() OVER (
            PARTITION BY by_policy.member_durable_key, by_policy.month_start_date
            ORDER BY by_policy.last_covered_date DESC, by_policy.days_covered_count DESC, by_policy.policy_id
        ) = 1 AS is_primary
    FROM by_policy
),

-- Where and how old somebody was is looked up once a version, not once a month.
members AS MATERIALIZED (
    SELECT
        version.member_durable_key,
        version.member_key,
        version.start_date,
        version.end_date,
        COALESCE(geography.geography_key, -1) AS geography_key,
        to_char(version.birth_date, 'YYYYMMDD')::integer AS birth_date_key
    FROM warehouse.dim_member AS version
    INNER JOIN work_touched_member AS touched
        ON version.member_durable_key = touched.member_durable_key
    LEFT JOIN warehouse.dim_geography AS geography
        ON
            COALESCE(version.state_code, '') = geography.state_code
            AND COALESCE(version.county_fips, '') = geography.county_fips
            AND COALESCE(version.rating_area, 0) = geography.rating_area
),

-- Nobody is older than the calendar.
ages AS (
    SELECT
        years.age,
        band.age_band_code
    FROM warehouse.dim_age_band AS band
    CROSS JOIN LATERAL generate_series(band.first_age, LEAST(band.last_age, 300)) AS years (age)
    WHERE band.first_age >= 0
)

SELECT
    ranked.member_durable_key,
    ranked.policy_id,
    ranked.month_start_date,
    ranked.is_primary,
    COALESCE(member.member_key, -2) AS member_key,
    ranked.plan_durable_key,
    COALESCE(plan.plan_key, -2) AS plan_key,
    COALESCE(member.geography_key, -1) AS geography_key,
    ranked.month_end_date_key,
    1::smallint AS member_month_count,
    ranked.days_covered_count::smallint AS days_covered_count,
    CASE
        WHEN ranked.days_covered_count = ranked.month_end_date - ranked.month_start_date + 1 THEN 1.00000
        ELSE ranked.days_covered_count::numeric / (ranked.month_end_date - ranked.month_start_date + 1)
    END::numeric(6, 5) AS month_fraction_rate,
    ranked.gross_premium_amount,
    ranked.aptc_amount,
    ranked.net_premium_amount,
    ranked.load_id,
    ranked.load_timestamp,
    ranked.is_covered_mid_month,
    COALESCE(ages.age_band_code, 'unknown') AS age_band_code
FROM ranked
LEFT JOIN members AS member
    ON
        ranked.member_durable_key = member.member_durable_key
        AND ranked.month_end_date >= member.start_date
        AND ranked.month_end_date < member.end_date
LEFT JOIN warehouse.dim_plan AS plan
    ON
        ranked.plan_durable_key = plan.plan_durable_key
        AND ranked.month_end_date >= plan.start_date
        AND ranked.month_end_date < plan.end_date
LEFT JOIN ages
    -- Days written as YYYYMMDD are 10,000 apart for each birthday that has passed.
    ON (ranked.month_end_date_key - member.birth_date_key) / 10000 = ages.age
