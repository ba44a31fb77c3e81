-- Title:  How the months of the touched members changed from delivery to delivery, by what each delivery knew
-- Fills:  work_adjustment, one row per member, policy, month, delivery and sign; in a rebuild the fact itself
-- Reads:  work_touched_member, warehouse.fact_enrollment, etl.load
-- Values: none
WITH versions AS (
    SELECT
        fact.*,
        load.as_of,
        -- Until a later transaction of the span was delivered. One that came after a later one was never in force.
        min(load.as_of) OVER (
            PARTITION BY fact.member_durable_key, fact.enrollment_id
            ORDER BY fact.transaction_date, fact.transaction_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS known_until
    FROM warehouse.fact_enrollment AS fact
    INNER JOIN work_touched_member AS touched
        ON fact.member_durable_key = touched.member_durable_key
    INNER JOIN etl.load AS load
        ON fact.load_id = load.load_id
),

spans AS MATERIALIZED (
    SELECT
        versions.*,
        -- One state of the policy from its first day to now: its months need no comparison.
        count(*) OVER (PARTITION BY versions.member_durable_key, versions.policy_id) = 1
        AND versions.known_until IS NULL AS is_plain
    FROM versions
    WHERE
        (versions.known_until IS NULL OR versions.as_of < versions.known_until)
        AND versions.enrollment_status IN ('effectuated', 'terminated')
        AND versions.coverage_start_date <= versions.coverage_end_date
),

-- Read twice, but no month twice.
months AS NOT MATERIALIZED (
    SELECT
        spans.member_durable_key,
        spans.policy_id,
        month.month_start_date,
        spans.as_of,
        spans.known_until,
        spans.is_plain,
        spans.enrollment_id,
        spans.coverage_start_date,
        spans.plan_durable_key,
        spans.gross_premium_amount,
        spans.aptc_amount,
        spans.net_premium_amount,
        month.month_end_date - month.month_start_date + 1 AS days_in_month,
        LEAST(spans.coverage_end_date, month.month_end_date) AS last_covered_date,
        LEAST(spans.coverage_end_date, month.month_end_date)
        - GREATEST(spans.coverage_start_date, month.month_start_date) + 1 AS days_covered
    FROM spans
    CROSS JOIN LATERAL (
        SELECT
            make_date(number / 12, number % 12 + 1, 1) AS month_start_date,
            make_date((number + 1) / 12, (number + 1) % 12 + 1, 1) - 1 AS month_end_date
        FROM generate_series(
            extract(YEAR FROM spans.coverage_start_date)::integer * 12
            + extract(MONTH FROM spans.coverage_start_date)::integer - 1,
            extract(YEAR FROM spans.coverage_end_date)::integer * 12
            + extract(MONTH FROM spans.coverage_end_date)::integer - 1
        ) AS calendar (number)
    ) AS month
),

covered AS MATERIALIZED (
    SELECT months.*
    FROM months
    WHERE NOT months.is_plain
),

moments AS (
    SELECT DISTINCT
        covered.member_durable_key,
        covered.policy_id,
        covered.month_start_date,
        moment.reported_as_of
    FROM covered
    CROSS JOIN LATERAL (VALUES (covered.as_of), (covered.known_until)) AS moment (reported_as_of)
    WHERE moment.reported_as_of IS NOT NULL
),

-- A policy with two spans in one month counts once, as in fact_member_month.
states AS (
    SELECT DISTINCT ON (moments.member_durable_key, moments.policy_id, moments.month_start_date, moments.reported_as_of)
        moments.member_durable_key,
        moments.policy_id,
        moments.month_start_date,
        moments.reported_as_of,
        covered.plan_durable_key,
        covered.gross_premium_amount,
        covered.aptc_amount,
        covered.net_premium_amount,
        LEAST(
            sum(covered.days_covered) OVER (
                PARTITION BY
                    moments.member_durable_key, moments.policy_id, moments.month_start_date, moments.reported_as_of
            ),
            covered.days_in_month
        ) AS days_covered_count
    FROM moments
    LEFT JOIN covered
        ON
            moments.member_durable_key = covered.member_durable_key
            AND moments.policy_id = covered.policy_id
            AND moments.month_start_date = covered.month_start_date
            AND moments.reported_as_of >= covered.as_of
            AND (covered.known_until IS NULL OR moments.reported_as_of < covered.known_until)
    ORDER BY
        moments.member_durable_key, moments.policy_id, moments.month_start_date, moments.reported_as_of,
        covered.last_covered_date DESC, covered.coverage_start_date DESC, covered.enrollment_id
),

compared AS (
    SELECT
        states.*,
        lag(states.plan_durable_key) OVER by_moment AS old_plan_durable_key,
        lag(states.days_covered_count) OVER by_moment AS old_days_covered_count,
        lag(states.gross_premium_amount) OVER by_moment AS old_gross_premium_amount,
        lag(states.aptc_amount) OVER by_moment AS old_aptc_amount,
        lag(states.net_premium_amount) OVER by_moment AS old_net_premium_amount
    FROM states
    WINDOW by_moment AS (
        PARTITION BY states.member_durable_key, states.policy_id, states.month_start_date
        ORDER BY states.reported_as_of
    )
),

changed AS (
    SELECT compared.*
    FROM compared
    WHERE
        (
            compared.plan_durable_key, compared.days_covered_count, compared.gross_premium_amount, compared.aptc_amount,
            compared.net_premium_amount
        ) IS DISTINCT FROM (
            compared.old_plan_durable_key, compared.old_days_covered_count, compared.old_gross_premium_amount,
            compared.old_aptc_amount, compared.old_net_premium_amount
        )
)

SELECT
    months.member_durable_key,
    months.month_start_date,
    months.policy_id,
    months.as_of AS reported_as_of,
    FALSE AS is_removal,
    months.plan_durable_key,
    1::smallint AS member_month_count,
    months.days_covered::smallint AS days_covered_count,
    months.gross_premium_amount,
    months.aptc_amount,
    months.net_premium_amount
FROM months
WHERE months.is_plain
UNION ALL
SELECT
    changed.member_durable_key,
    changed.month_start_date,
    changed.policy_id,
    changed.reported_as_of,
    FALSE AS is_removal,
    changed.plan_durable_key,
    1::smallint AS member_month_count,
    changed.days_covered_count::smallint AS days_covered_count,
    changed.gross_premium_amount,
    changed.aptc_amount,
    changed.net_premium_amount
FROM changed
WHERE changed.plan_durable_key IS NOT NULL
UNION ALL
SELECT
    changed.member_durable_key,
    changed.month_start_date,
    changed.policy_id,
    changed.reported_as_of,
    TRUE AS is_removal,
    changed.old_plan_durable_key AS plan_durable_key,
    (-1)::smallint AS member_month_count,
    (-changed.old_days_covered_count)::smallint AS days_covered_count,
    -changed.old_gross_premium_amount AS gross_premium_amount,
    -changed.old_aptc_amount AS aptc_amount,
    -changed.old_net_premium_amount AS net_premium_amount
FROM changed
WHERE changed.old_plan_durable_key IS NOT NULL
