"""Derived cubes: materialized views over small base cubes, in the order in which they depend on each other."""

from alembic import op

from migrations.ddl import comment_on

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The latest delivery of claims or enrollments in force: no day after it has been lived through.
HORIZON = """
horizon AS (
    SELECT max(file.as_of) AS last_day
    FROM etl.source_file AS file
    WHERE file.feed IN ('claims', 'enrollments') AND file.status = 'in_force'
)"""

PLANS = """
plan AS (
    SELECT DISTINCT
        version.plan_durable_key,
        version.plan_id,
        version.plan_year,
        COALESCE(version.metal_level, '(unknown)') AS metal_level
    FROM warehouse.dim_plan AS version
)"""

PLAN_PERFORMANCE = (
    """
WITH """
    + HORIZON
    + """,

lives AS (
    SELECT
        plan.plan_id,
        life.first_day,
        -- Until the 30 days before are empty too, and not after the latest delivery.
        LEAST(life.last_day + 30, (SELECT horizon.last_day FROM horizon)) AS last_day
    FROM (SELECT DISTINCT version.plan_id FROM warehouse.dim_plan AS version) AS plan
    CROSS JOIN LATERAL (
        SELECT
            min(cube.calendar_date) AS first_day,
            max(cube.calendar_date) AS last_day
        FROM mart.claims_rolling_plan AS cube
        WHERE cube.plan_id = plan.plan_id
    ) AS life
    WHERE life.first_day IS NOT NULL
),

spine AS (
    SELECT
        lives.plan_id,
        lives.first_day,
        day.calendar_date::date AS calendar_date,
        (day.calendar_date - INTERVAL '1 year')::date AS year_ago_date
    FROM lives
    CROSS JOIN LATERAL generate_series(
        GREATEST(lives.first_day, {since})::timestamp, lives.last_day::timestamp, INTERVAL '1 day'
    ) AS day (calendar_date)
)

SELECT
    spine.plan_id,
    spine.calendar_date,
    COALESCE(today.claim_count, 0) AS claim_count,
    COALESCE(today.paid_amount, 0.00) AS paid_amount,
    COALESCE(today.rolling_30_day_claim_count, 0) AS rolling_30_day_claim_count,
    COALESCE(today.rolling_30_day_allowed_amount, 0.00) AS rolling_30_day_allowed_amount,
    COALESCE(today.rolling_30_day_paid_amount, 0.00) AS rolling_30_day_paid_amount,
    CASE WHEN spine.calendar_date >= spine.first_day + 59 THEN COALESCE(prior.rolling_30_day_paid_amount, 0.00) END
        AS prior_30_day_paid_amount,
    CASE
        WHEN spine.calendar_date >= spine.first_day + 59
            THEN COALESCE(today.rolling_30_day_paid_amount, 0.00) / NULLIF(prior.rolling_30_day_paid_amount, 0) - 1
    END::numeric(12, 5) AS prior_30_day_change_rate,
    CASE WHEN spine.year_ago_date >= spine.first_day + 29 THEN COALESCE(ago.rolling_30_day_paid_amount, 0.00) END
        AS year_ago_30_day_paid_amount,
    CASE
        WHEN spine.calendar_date <= (SELECT horizon.last_day FROM horizon) - 30
            THEN COALESCE(today.rolling_30_day_settled_paid_amount, 0.00)
    END AS settled_30_day_paid_amount,
    CASE WHEN spine.year_ago_date >= spine.first_day + 29 THEN COALESCE(ago.rolling_30_day_settled_paid_amount, 0.00) END
        AS year_ago_settled_30_day_paid_amount,
    CASE
        WHEN
            spine.year_ago_date >= spine.first_day + 29
            AND spine.calendar_date <= (SELECT horizon.last_day FROM horizon) - 30
            THEN
                COALESCE(today.rolling_30_day_settled_paid_amount, 0.00)
                / NULLIF(ago.rolling_30_day_settled_paid_amount, 0) - 1
    END::numeric(12, 5) AS year_over_year_change_rate
FROM spine
LEFT JOIN mart.claims_rolling_plan AS today
    ON
        spine.plan_id = today.plan_id
        AND spine.calendar_date = today.calendar_date
        AND today.calendar_date >= {since}
LEFT JOIN mart.claims_rolling_plan AS prior
    ON
        spine.plan_id = prior.plan_id
        AND spine.calendar_date - 30 = prior.calendar_date
        AND prior.calendar_date >= {since} - 30
LEFT JOIN mart.claims_rolling_plan AS ago
    ON
        spine.plan_id = ago.plan_id
        AND spine.year_ago_date = ago.calendar_date
        AND ago.calendar_date >= {since} - 366
        AND ago.calendar_date <= (SELECT horizon.last_day FROM horizon) - 365
"""
)
PLAN_PERFORMANCE_COLUMNS = {
    "plan_id": "HIOS plan id with variant, the same across plan years.",
    "calendar_date": "The day; the 30 days end with it.",
    "claim_count": "Claims with service on the day.",
    "paid_amount": "Paid for service on the day, in US dollars.",
    "rolling_30_day_claim_count": "Claims of the last 30 days.",
    "rolling_30_day_allowed_amount": "Allowed for the last 30 days, in US dollars.",
    "rolling_30_day_paid_amount": "Paid for the last 30 days, in US dollars.",
    "prior_30_day_paid_amount": "Paid for the 30 days before; NULL in a plan's first 59 days.",
    "prior_30_day_change_rate": "rolling_30_day_paid_amount / prior_30_day_paid_amount - 1; NULL without a prior period.",
    "year_ago_30_day_paid_amount": "Paid for the same 30 days a year ago, all that is known of them today; NULL where the "
    "plan had no full 30 days then.",
    "settled_30_day_paid_amount": "Paid for the last 30 days within 30 days of service; NULL in the 30 days before the latest "
    "delivery, of which that is not known yet.",
    "year_ago_settled_30_day_paid_amount": "The same a year ago: at equal run-out with settled_30_day_paid_amount.",
    "year_over_year_change_rate": "settled_30_day_paid_amount / year_ago_settled_30_day_paid_amount - 1: at equal run-out, so "
    "that claims still to come make no false drop. NULL where either is.",
}

LOSS_RATIO = (
    """
WITH """
    + HORIZON
    + ","
    + PLANS
    + """,

premium AS (
    SELECT
        cube.month_start_date,
        plan.metal_level,
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount,
        sum(cube.aptc_amount) AS aptc_amount
    FROM mart.enrollment_monthly_plan AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY cube.month_start_date, plan.metal_level
),

incurred AS (
    SELECT
        cube.month_start_date,
        plan.metal_level,
        sum(cube.claim_count) AS claim_count,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_monthly_service AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY cube.month_start_date, plan.metal_level
),

joined AS (
    SELECT
        month_start_date,
        metal_level,
        COALESCE(premium.member_month_count, 0) AS member_month_count,
        COALESCE(premium.gross_premium_amount, 0.00) AS gross_premium_amount,
        COALESCE(premium.aptc_amount, 0.00) AS aptc_amount,
        COALESCE(incurred.claim_count, 0) AS claim_count,
        COALESCE(incurred.allowed_amount, 0.00) AS allowed_amount,
        COALESCE(incurred.paid_amount, 0.00) AS paid_amount,
        COALESCE(month_start_date > (SELECT horizon.last_day FROM horizon), true) AS is_future_month
    FROM premium
    FULL JOIN incurred USING (month_start_date, metal_level)
)

SELECT
    joined.month_start_date,
    joined.metal_level,
    joined.member_month_count,
    joined.gross_premium_amount,
    joined.aptc_amount,
    joined.claim_count,
    joined.allowed_amount,
    joined.paid_amount,
    CASE WHEN NOT joined.is_future_month THEN joined.paid_amount / NULLIF(joined.gross_premium_amount, 0) END::numeric(12, 5)
        AS loss_ratio_rate,
    CASE WHEN NOT joined.is_future_month THEN joined.paid_amount / NULLIF(joined.member_month_count, 0) END::numeric(14, 2)
        AS paid_pmpm_amount,
    joined.is_future_month
FROM joined
"""
)

ENROLLMENT_MOVEMENT = (
    """
WITH """
    + HORIZON
    + ","
    + PLANS
    + """,

heads AS (
    SELECT
        plan.plan_id,
        cube.month_start_date,
        sum(cube.member_count) AS member_count
    FROM mart.enrollment_monthly_plan AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY plan.plan_id, cube.month_start_date
),

moves AS (
    SELECT
        cube.plan_id,
        cube.month_start_date,
        sum(cube.member_count) FILTER (WHERE cube.movement_code = 'added') AS added_count,
        sum(cube.member_count) FILTER (WHERE cube.movement_code = 'switched_in') AS switched_in_count,
        sum(cube.member_count) FILTER (WHERE cube.movement_code = 'switched_out') AS switched_out_count,
        sum(cube.member_count) FILTER (WHERE cube.movement_code = 'terminated') AS terminated_count,
        sum(cube.member_count) FILTER (
            WHERE cube.movement_code = 'terminated' AND cube.movement_reason_code = 'non_payment'
        ) AS terminated_non_payment_count,
        sum(cube.member_count) FILTER (
            WHERE cube.movement_code = 'terminated' AND cube.movement_reason_code = 'not_renewed'
        ) AS terminated_not_renewed_count
    FROM mart.enrollment_movement_monthly AS cube
    GROUP BY cube.plan_id, cube.month_start_date
),

-- Who was there at the end of a month is there when the next one opens.
both_ends AS (
    SELECT
        ends.plan_id,
        ends.month_start_date,
        sum(ends.opening_count) AS opening_count,
        sum(ends.closing_count) AS closing_count
    FROM (
        SELECT
            heads.plan_id,
            heads.month_start_date,
            0 AS opening_count,
            heads.member_count AS closing_count
        FROM heads
        UNION ALL
        SELECT
            heads.plan_id,
            (heads.month_start_date + INTERVAL '1 month')::date AS month_start_date,
            heads.member_count AS opening_count,
            0 AS closing_count
        FROM heads
    ) AS ends
    GROUP BY ends.plan_id, ends.month_start_date
)

SELECT
    month_start_date,
    plan_id,
    COALESCE(both_ends.opening_count, 0) AS opening_count,
    COALESCE(moves.added_count, 0) AS added_count,
    COALESCE(moves.switched_in_count, 0) AS switched_in_count,
    COALESCE(moves.switched_out_count, 0) AS switched_out_count,
    COALESCE(moves.terminated_count, 0) AS terminated_count,
    COALESCE(moves.terminated_non_payment_count, 0) AS terminated_non_payment_count,
    COALESCE(moves.terminated_not_renewed_count, 0) AS terminated_not_renewed_count,
    COALESCE(both_ends.closing_count, 0) AS closing_count,
    (COALESCE(moves.terminated_count, 0) / NULLIF(both_ends.opening_count, 0))::numeric(12, 5) AS churn_rate,
    COALESCE(month_start_date > (SELECT horizon.last_day FROM horizon), true) AS is_future_month
FROM both_ends
FULL JOIN moves USING (month_start_date, plan_id)
"""
)

LAG_TRIANGLE = (
    """
WITH """
    + HORIZON
    + """,

-- The last month whose payments are all delivered.
complete AS (
    SELECT (date_trunc('month', horizon.last_day + 1) - INTERVAL '1 month')::date AS last_month
    FROM horizon
),

paid AS (
    SELECT
        cube.month_start_date,
        cube.claim_type,
        (extract(YEAR FROM cube.paid_month_start_date) - extract(YEAR FROM cube.month_start_date))::integer * 12
        + (extract(MONTH FROM cube.paid_month_start_date) - extract(MONTH FROM cube.month_start_date))::integer
            AS lag_month_count,
        cube.claim_count,
        cube.allowed_amount,
        cube.paid_amount
    FROM mart.claims_monthly_lag AS cube
    WHERE cube.paid_month_start_date < DATE '9999-01-01'
),

origins AS (
    SELECT
        paid.month_start_date,
        paid.claim_type,
        LEAST(min(paid.lag_month_count), 0) AS first_lag,
        GREATEST(
            max(paid.lag_month_count),
            LEAST(
                (extract(YEAR FROM complete.last_month) - extract(YEAR FROM paid.month_start_date))::integer * 12
                + (extract(MONTH FROM complete.last_month) - extract(MONTH FROM paid.month_start_date))::integer,
                60
            )
        ) AS last_lag
    FROM paid
    CROSS JOIN complete
    GROUP BY paid.month_start_date, paid.claim_type, complete.last_month
),

cells AS (
    SELECT
        origins.month_start_date,
        origins.claim_type,
        step.lag_month_count,
        (origins.month_start_date + make_interval(months => step.lag_month_count))::date AS paid_month_start_date
    FROM origins
    CROSS JOIN LATERAL generate_series(origins.first_lag, origins.last_lag) AS step (lag_month_count)
)

SELECT
    cells.month_start_date,
    cells.claim_type,
    cells.lag_month_count,
    cells.paid_month_start_date,
    COALESCE(paid.claim_count, 0) AS claim_count,
    COALESCE(paid.allowed_amount, 0.00) AS allowed_amount,
    COALESCE(paid.paid_amount, 0.00) AS paid_amount,
    sum(COALESCE(paid.paid_amount, 0.00)) OVER (
        PARTITION BY cells.month_start_date, cells.claim_type ORDER BY cells.lag_month_count
    ) AS cumulative_paid_amount,
    COALESCE(cells.paid_month_start_date <= (SELECT complete.last_month FROM complete), false) AS is_complete
FROM cells
LEFT JOIN paid
    ON
        cells.month_start_date = paid.month_start_date
        AND cells.claim_type = paid.claim_type
        AND cells.lag_month_count = paid.lag_month_count
"""
)

COMPLETION_FACTORS = """
WITH pairs AS (
    SELECT
        cell.claim_type,
        cell.lag_month_count,
        cell.cumulative_paid_amount AS from_paid_amount,
        following.cumulative_paid_amount AS to_paid_amount,
        row_number() OVER (
            PARTITION BY cell.claim_type, cell.lag_month_count ORDER BY cell.month_start_date DESC
        ) AS recency
    FROM mart.claim_lag_triangle AS cell
    INNER JOIN mart.claim_lag_triangle AS following
        ON
            cell.month_start_date = following.month_start_date
            AND cell.claim_type = following.claim_type
            AND cell.lag_month_count + 1 = following.lag_month_count
    WHERE following.is_complete AND cell.lag_month_count BETWEEN 0 AND 23
),

links AS (
    SELECT
        pairs.claim_type,
        pairs.lag_month_count,
        count(*) AS month_count,
        sum(pairs.from_paid_amount) AS from_paid_amount,
        sum(pairs.to_paid_amount) AS to_paid_amount,
        sum(pairs.to_paid_amount) / NULLIF(sum(pairs.from_paid_amount), 0) AS link_ratio
    FROM pairs
    WHERE pairs.recency <= 12
    GROUP BY pairs.claim_type, pairs.lag_month_count
)

SELECT
    links.claim_type,
    links.lag_month_count,
    links.month_count,
    links.from_paid_amount,
    links.to_paid_amount,
    links.link_ratio::numeric(14, 8) AS link_ratio_rate,
    -- A link without payments, or with refunds only, tells nothing: taken as 1.
    (1 / exp(
        sum(ln(CASE WHEN links.link_ratio > 0 THEN links.link_ratio ELSE 1 END)) OVER (
            PARTITION BY links.claim_type ORDER BY links.lag_month_count DESC
        )
    ))::numeric(14, 8) AS completion_factor_rate
FROM links
"""

IBNR_ESTIMATE = """
WITH latest AS (
    SELECT DISTINCT ON (cell.month_start_date, cell.claim_type)
        cell.month_start_date,
        cell.claim_type,
        cell.lag_month_count,
        cell.cumulative_paid_amount AS paid_amount
    FROM mart.claim_lag_triangle AS cell
    WHERE cell.is_complete
    ORDER BY cell.month_start_date, cell.claim_type, cell.lag_month_count DESC
),

exposure AS (
    SELECT
        cube.month_start_date,
        sum(cube.member_month_count) AS member_month_count
    FROM mart.enrollment_monthly_plan AS cube
    GROUP BY cube.month_start_date
),

ladder AS (
    SELECT
        latest.month_start_date,
        latest.claim_type,
        latest.lag_month_count,
        latest.paid_amount,
        -- Beyond the last lag that has a factor, all is paid.
        COALESCE(factor.completion_factor_rate, 1) AS completion_factor_rate,
        COALESCE(exposure.member_month_count, 0) AS member_month_count
    FROM latest
    LEFT JOIN mart.completion_factors AS factor
        ON
            latest.claim_type = factor.claim_type
            AND latest.lag_month_count = factor.lag_month_count
    LEFT JOIN exposure
        ON latest.month_start_date = exposure.month_start_date
),

-- What the twelve months before the three young ones come to, a member month.
expected AS (
    SELECT
        ladder.claim_type,
        sum(ladder.paid_amount / ladder.completion_factor_rate) AS ultimate_amount,
        sum(ladder.member_month_count) AS member_month_count
    FROM ladder
    WHERE ladder.lag_month_count BETWEEN 3 AND 14
    GROUP BY ladder.claim_type
),

estimated AS (
    SELECT
        ladder.*,
        CASE
            WHEN ladder.lag_month_count <= 2 AND expected.member_month_count > 0
                THEN expected.ultimate_amount / expected.member_month_count
        END AS expected_pmpm_amount
    FROM ladder
    LEFT JOIN expected
        ON ladder.claim_type = expected.claim_type
),

ultimates AS (
    SELECT
        estimated.*,
        CASE
            WHEN estimated.expected_pmpm_amount IS NOT NULL
                THEN
                    estimated.paid_amount
                    + (1 - estimated.completion_factor_rate) * estimated.expected_pmpm_amount
                    * estimated.member_month_count
            ELSE estimated.paid_amount / estimated.completion_factor_rate
        END::numeric(16, 2) AS ultimate_amount
    FROM estimated
)

SELECT
    ultimates.month_start_date,
    ultimates.claim_type,
    ultimates.lag_month_count,
    CASE WHEN ultimates.expected_pmpm_amount IS NULL THEN 'chain_ladder' ELSE 'expected_pmpm' END AS method_code,
    ultimates.paid_amount,
    ultimates.completion_factor_rate,
    ultimates.member_month_count,
    ultimates.expected_pmpm_amount::numeric(16, 4) AS expected_pmpm_amount,
    ultimates.ultimate_amount,
    ultimates.ultimate_amount - ultimates.paid_amount AS ibnr_amount
FROM ultimates
"""

PMPM = (
    """
WITH """
    + PLANS
    + """,

claims AS MATERIALIZED (
    SELECT
        cube.month_start_date,
        plan.metal_level,
        cube.service_category_code,
        sum(cube.claim_count) AS claim_count,
        sum(cube.line_count) AS line_count,
        sum(cube.unit_count) AS unit_count,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_monthly_service AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY cube.month_start_date, plan.metal_level, cube.service_category_code
),

months AS MATERIALIZED (
    SELECT
        cube.month_start_date,
        plan.metal_level,
        sum(cube.member_month_count) AS member_month_count
    FROM mart.enrollment_monthly_plan AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY cube.month_start_date, plan.metal_level
),

totals AS (
    SELECT
        claims.month_start_date,
        CASE WHEN GROUPING(claims.metal_level) = 1 THEN '(all)' ELSE claims.metal_level END AS metal_level,
        CASE WHEN GROUPING(claims.service_category_code) = 1 THEN '(all)' ELSE claims.service_category_code END
            AS service_category_code,
        GROUPING(claims.metal_level, claims.service_category_code) AS grouping_id,
        sum(claims.claim_count) AS claim_count,
        sum(claims.line_count) AS line_count,
        sum(claims.unit_count) AS unit_count,
        sum(claims.allowed_amount) AS allowed_amount,
        sum(claims.paid_amount) AS paid_amount
    FROM claims
    GROUP BY claims.month_start_date, CUBE (claims.metal_level, claims.service_category_code)
),

exposure AS (
    SELECT
        months.month_start_date,
        CASE WHEN GROUPING(months.metal_level) = 1 THEN '(all)' ELSE months.metal_level END AS metal_level,
        sum(months.member_month_count) AS member_month_count
    FROM months
    GROUP BY months.month_start_date, ROLLUP (months.metal_level)
)

SELECT
    totals.month_start_date,
    totals.metal_level,
    totals.service_category_code,
    totals.grouping_id,
    totals.claim_count,
    totals.line_count,
    totals.unit_count,
    totals.allowed_amount,
    totals.paid_amount,
    COALESCE(exposure.member_month_count, 0) AS member_month_count,
    (totals.allowed_amount / NULLIF(exposure.member_month_count, 0))::numeric(14, 4) AS allowed_pmpm_amount,
    (totals.paid_amount / NULLIF(exposure.member_month_count, 0))::numeric(14, 4) AS paid_pmpm_amount,
    (totals.line_count * 12000.0 / NULLIF(exposure.member_month_count, 0))::numeric(14, 2) AS lines_per_1000_rate
FROM totals
LEFT JOIN exposure
    ON
        totals.month_start_date = exposure.month_start_date
        AND totals.metal_level = exposure.metal_level
"""
)

DENIALS = (
    """
WITH """
    + PLANS
    + """,

base AS MATERIALIZED (
    SELECT
        plan.plan_id,
        cube.calendar_year,
        cube.network_code,
        cube.tc_reason_code,
        sum(cube.received_claim_count) AS received_claim_count,
        sum(cube.denied_received_claim_count) AS denied_received_claim_count,
        sum(cube.claim_count) AS claim_count,
        sum(cube.denied_claim_count) AS denied_claim_count,
        sum(cube.line_count) AS line_count,
        sum(cube.denied_line_count) AS denied_line_count,
        sum(cube.billed_amount) AS billed_amount,
        sum(cube.denied_billed_amount) AS denied_billed_amount
    FROM mart.denials_yearly_plan AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY plan.plan_id, cube.calendar_year, cube.network_code, cube.tc_reason_code
),

received AS (
    SELECT
        base.plan_id,
        base.calendar_year,
        base.network_code,
        sum(base.received_claim_count) AS received_claim_count,
        sum(base.claim_count) AS claim_count,
        sum(base.line_count) AS line_count,
        sum(base.billed_amount) AS billed_amount
    FROM base
    GROUP BY base.plan_id, base.calendar_year, base.network_code
),

denied AS (
    SELECT
        base.plan_id,
        base.calendar_year,
        base.network_code,
        CASE WHEN GROUPING(base.tc_reason_code) = 1 THEN '(all)' ELSE base.tc_reason_code END AS tc_reason_code,
        sum(base.denied_received_claim_count) AS denied_received_claim_count,
        sum(base.denied_claim_count) AS denied_claim_count,
        sum(base.denied_line_count) AS denied_line_count,
        sum(base.denied_billed_amount) AS denied_billed_amount
    FROM base
    GROUP BY base.plan_id, base.calendar_year, base.network_code, ROLLUP (base.tc_reason_code)
)

SELECT
    denied.plan_id,
    denied.calendar_year,
    denied.network_code,
    denied.tc_reason_code,
    denied.denied_received_claim_count,
    received.received_claim_count,
    (denied.denied_received_claim_count / NULLIF(received.received_claim_count, 0))::numeric(12, 5) AS received_denial_rate,
    denied.denied_claim_count,
    received.claim_count,
    (denied.denied_claim_count / NULLIF(received.claim_count, 0))::numeric(12, 5) AS final_denial_rate,
    denied.denied_line_count,
    received.line_count,
    (denied.denied_line_count / NULLIF(received.line_count, 0))::numeric(12, 5) AS line_denial_rate,
    denied.denied_billed_amount,
    received.billed_amount,
    (denied.denied_billed_amount / NULLIF(received.billed_amount, 0))::numeric(12, 5) AS dollar_denial_rate
FROM denied
INNER JOIN received
    ON
        denied.plan_id = received.plan_id
        AND denied.calendar_year = received.calendar_year
        AND denied.network_code = received.network_code
WHERE denied.tc_reason_code <> 'not_denied'
"""
)

# The quarter before that of the latest delivery, and all since.
LATEST_QUARTERS = """(
        SELECT 4 * extract(YEAR FROM horizon.last_day) + extract(QUARTER FROM horizon.last_day) - 1 FROM horizon
    )"""
PROVIDER_PERFORMANCE = (
    """
WITH """
    + HORIZON
    + """,

provider AS (
    SELECT
        version.provider_durable_key,
        version.npi,
        COALESCE(version.specialty_name, '(unknown)') AS specialty_name
    FROM warehouse.dim_provider AS version
    WHERE version.end_date = DATE '9999-12-31'
),

services AS MATERIALIZED (
    SELECT
        cube.*,
        COALESCE(provider.specialty_name, '(unknown)') AS specialty_name
    FROM mart.claims_quarterly_provider AS cube
    LEFT JOIN provider
        ON cube.provider_durable_key = provider.provider_durable_key
    WHERE 4 * cube.calendar_year + cube.quarter_number >= {since}
),

peers AS (
    SELECT
        services.calendar_year,
        services.quarter_number,
        services.specialty_name,
        services.service_category_code,
        sum(services.allowed_amount) / NULLIF(sum(services.paid_line_count), 0) AS allowed_per_service
    FROM services
    GROUP BY
        services.calendar_year, services.quarter_number, services.specialty_name, services.service_category_code
)

SELECT
    services.provider_durable_key,
    services.calendar_year,
    services.quarter_number,
    services.specialty_name,
    sum(services.claim_count) AS claim_count,
    sum(services.line_count) AS line_count,
    sum(services.paid_line_count) AS paid_line_count,
    sum(services.denied_line_count) AS denied_line_count,
    sum(services.out_of_network_line_count) AS out_of_network_line_count,
    sum(services.allowed_amount) AS allowed_amount,
    sum(services.paid_amount) AS paid_amount,
    sum(services.paid_line_count * peers.allowed_per_service)::numeric(16, 2) AS expected_allowed_amount,
    (sum(services.allowed_amount) / NULLIF(sum(services.paid_line_count), 0))::numeric(14, 2)
        AS allowed_per_service_amount,
    (
        sum(services.allowed_amount) / NULLIF(sum(services.paid_line_count * peers.allowed_per_service), 0)
    )::numeric(12, 5) AS peer_index_rate,
    (sum(services.denied_line_count) / NULLIF(sum(services.line_count), 0))::numeric(12, 5) AS denial_rate,
    (sum(services.out_of_network_line_count) / NULLIF(sum(services.line_count), 0))::numeric(12, 5)
        AS out_of_network_rate
FROM services
LEFT JOIN peers
    ON
        services.calendar_year = peers.calendar_year
        AND services.quarter_number = peers.quarter_number
        AND services.specialty_name = peers.specialty_name
        AND services.service_category_code = peers.service_category_code
GROUP BY services.provider_durable_key, services.calendar_year, services.quarter_number, services.specialty_name
"""
)
PROVIDER_PERFORMANCE_COLUMNS = {
    "provider_durable_key": "dim_provider: the provider, whatever the version; -1 none given.",
    "calendar_year": "Year of service.",
    "quarter_number": "Quarter of service, 1 to 4.",
    "specialty_name": "Specialty today.",
    "claim_count": "Claims.",
    "line_count": "Claim lines.",
    "paid_line_count": "Lines paid for: services.",
    "denied_line_count": "Denied lines.",
    "out_of_network_line_count": "Lines outside the plan's network.",
    "allowed_amount": "Allowed, in US dollars.",
    "paid_amount": "Paid by the plan, in US dollars.",
    "expected_allowed_amount": "paid_line_count of each category x what the specialty is allowed for it a line, in US "
    "dollars.",
    "allowed_per_service_amount": "allowed_amount / paid_line_count, in US dollars.",
    "peer_index_rate": "allowed_amount / expected_allowed_amount: 1 is the price of the peers, the provider among them.",
    "denial_rate": "denied_line_count / line_count.",
    "out_of_network_rate": "out_of_network_line_count / line_count.",
}

HIGH_COST = """
SELECT
    cube.member_durable_key,
    cube.calendar_year,
    CASE WHEN cube.paid_amount >= 1000000 THEN 1000000 WHEN cube.paid_amount >= 250000 THEN 250000 ELSE 100000 END
        AS threshold_amount,
    cube.claim_count,
    cube.line_count,
    cube.allowed_amount,
    cube.paid_amount,
    GREATEST(cube.paid_amount - 1000000, 0) AS over_one_million_amount,
    (0.6 * GREATEST(cube.paid_amount - 1000000, 0))::numeric(16, 2) AS pooled_amount
FROM mart.claims_yearly_member AS cube
WHERE cube.paid_amount >= 100000 AND cube.member_durable_key <> -1
"""

RETRO_ACTIVITY = """
SELECT
    cube.reported_as_of,
    cube.month_start_date,
    cube.month_start_date < date_trunc('month', cube.reported_as_of)::date AS is_retroactive,
    cube.added_member_month_count,
    cube.removed_member_month_count,
    cube.member_month_count AS net_member_month_count,
    cube.gross_premium_amount AS net_gross_premium_amount,
    cube.aptc_amount AS net_aptc_amount,
    cube.net_premium_amount AS net_net_premium_amount,
    sum(cube.member_month_count) OVER reported AS reported_member_month_count,
    sum(cube.gross_premium_amount) OVER reported AS reported_gross_premium_amount,
    sum(cube.member_month_count) OVER whole AS current_member_month_count,
    sum(cube.gross_premium_amount) OVER whole AS current_gross_premium_amount
FROM mart.adjustment_monthly AS cube
WINDOW
    reported AS (PARTITION BY cube.month_start_date ORDER BY cube.reported_as_of),
    whole AS (PARTITION BY cube.month_start_date)
"""

PMPM_COLUMNS = {
    "claim_count": "Claims whose first line is of the category.",
    "line_count": "Claim lines.",
    "unit_count": "Units of service.",
    "allowed_amount": "Allowed, in US dollars.",
    "paid_amount": "Paid by the plan, in US dollars.",
    "member_month_count": "Member months: the denominator, the same for all categories.",
    "allowed_pmpm_amount": "allowed_amount / member_month_count, in US dollars.",
    "paid_pmpm_amount": "paid_amount / member_month_count, in US dollars.",
    "lines_per_1000_rate": "line_count x 12,000 / member_month_count: lines per 1,000 members a year.",
}
FUTURE = "The month begins after the latest delivery: covered already, not lived through."

# view: (query, key, comment, columns)
VIEWS = {
    "plan_performance": (
        PLAN_PERFORMANCE.replace("{since}", "(SELECT horizon.last_day - 91 FROM horizon)"),
        ("plan_id", "calendar_date"),
        (
            "Grain: plan x calendar day, days without claims included, of the 92 days that end with the latest delivery; "
            "mart.plan_performance_history has every day. Rolling 30 days against the 30 before, and against the same 30 a year "
            "ago at equal run-out, across plan years. (Retail: product_performance.)"
        ),
        PLAN_PERFORMANCE_COLUMNS,
    ),
    "loss_ratio_monthly": (
        LOSS_RATIO,
        ("month_start_date", "metal_level"),
        (
            "Grain: month of service x metal level. Simple loss ratio: incurred paid claims / gross premium; not the regulatory "
            "MLR, and not completed for claims to come."
        ),
        {
            "month_start_date": "First day of the month.",
            "metal_level": "Metal level of the plan.",
            "member_month_count": "Member months.",
            "gross_premium_amount": "Premium before tax credit, in US dollars: the denominator.",
            "aptc_amount": "Advance premium tax credit, in US dollars.",
            "claim_count": "Claims.",
            "allowed_amount": "Allowed, in US dollars.",
            "paid_amount": "Paid by the plan, in US dollars: the numerator.",
            "loss_ratio_rate": "paid_amount / gross_premium_amount; NULL in a month that is still to come.",
            "paid_pmpm_amount": "paid_amount / member_month_count, in US dollars; NULL in a month that is still to come.",
            "is_future_month": FUTURE,
        },
    ),
    "enrollment_movement": (
        ENROLLMENT_MOVEMENT,
        ("month_start_date", "plan_id"),
        (
            "Grain: month x plan. It closes: opening + added + switched in - switched out - terminated = closing. Opening and "
            "closing are counted from member months, the movements from warehouse.fact_enrollment_movement; by reason: "
            "mart.enrollment_movement_monthly."
        ),
        {
            "month_start_date": "First day of the month.",
            "plan_id": "HIOS plan id with variant, the same across plan years: a renewal is no movement.",
            "opening_count": "Heads of the month before.",
            "added_count": "Members with this plan who had no coverage the month before.",
            "switched_in_count": "Members who had another plan the month before.",
            "switched_out_count": "Members of the month before who have another plan now.",
            "terminated_count": "Members of the month before who have no coverage now.",
            "terminated_non_payment_count": "Of these: ended for non-payment.",
            "terminated_not_renewed_count": "Of these: coverage just ended, as a plan year does.",
            "closing_count": "Heads of the month.",
            "churn_rate": "terminated_count / opening_count.",
            "is_future_month": FUTURE,
        },
    ),
    "claim_lag_triangle": (
        LAG_TRIANGLE,
        ("month_start_date", "claim_type", "lag_month_count"),
        (
            "Grain: month of service x claim type x months from service to payment. The triangle that completion factors come "
            "from; it sums to all that is paid."
        ),
        {
            "month_start_date": "First day of the month of service.",
            "claim_type": "professional, institutional, pharmacy or undetermined.",
            "lag_month_count": "Months from the month of service to that of payment; 0: the same month.",
            "paid_month_start_date": "First day of the month of payment.",
            "claim_count": "Claims, net of those reversed in the month.",
            "allowed_amount": "Allowed on what was paid in the month, in US dollars.",
            "paid_amount": "Paid in the month, in US dollars.",
            "cumulative_paid_amount": "Paid up to and with the month, in US dollars.",
            "is_complete": "The month of payment lies wholly before the end of the latest delivery.",
        },
    ),
    "completion_factors": (
        COMPLETION_FACTORS,
        ("claim_type", "lag_month_count"),
        (
            "Grain: claim type x lag. Volume-weighted link ratios of the last 12 months of service that have both lags complete, "
            "and the completion factors they multiply to. Lags 0 to 23; beyond, all is taken as paid."
        ),
        {
            "claim_type": "professional, institutional, pharmacy or undetermined.",
            "lag_month_count": "Months from the month of service to that of payment.",
            "month_count": "Months of service that the link ratio stands on.",
            "from_paid_amount": "Their cumulative paid at this lag, in US dollars: the denominator.",
            "to_paid_amount": "Their cumulative paid a month later, in US dollars: the numerator.",
            "link_ratio_rate": "to_paid_amount / from_paid_amount.",
            "completion_factor_rate": "1 / product of the link ratios from this lag on: the share of the ultimate that is paid.",
        },
    ),
    "ibnr_estimate": (
        IBNR_ESTIMATE,
        ("month_start_date", "claim_type"),
        (
            "Grain: month of service x claim type, up to the last complete month. Incurred but not reported: ultimate - paid. "
            "An estimate, not a reserve opinion."
        ),
        {
            "month_start_date": "First day of the month of service.",
            "claim_type": "professional, institutional, pharmacy or undetermined.",
            "lag_month_count": "Months from the month of service to the last complete month of payment.",
            "method_code": "chain_ladder: paid / factor; expected_pmpm (lags 0 to 2): paid + (1 - factor) x expected PMPM x "
            "member months.",
            "paid_amount": "Paid up to the last complete month, in US dollars.",
            "completion_factor_rate": "completion_factors at this lag; 1 beyond the last.",
            "member_month_count": "Member months of the month.",
            "expected_pmpm_amount": "Ultimate / member months over lags 3 to 14, in US dollars; NULL for chain_ladder.",
            "ultimate_amount": "What will have been paid in the end, in US dollars.",
            "ibnr_amount": "ultimate_amount - paid_amount, in US dollars.",
        },
    ),
    "pmpm_service_category": (
        PMPM,
        ("month_start_date", "metal_level", "service_category_code"),
        (
            "Grain: month of service x metal level x service category, and the totals over both: rows named (all). Per member per "
            "month; by plan: mart.pmpm_service_category_plan."
        ),
        {
            "month_start_date": "First day of the month of service.",
            "metal_level": "Metal level of the plan; (all): their total.",
            "service_category_code": "dim_service_category; (all): their total.",
            "grouping_id": "0 a cell, 1 total over categories, 2 total over metal levels, 3 total over both.",
            **PMPM_COLUMNS,
        },
    ),
    "denials_transparency": (
        DENIALS,
        ("plan_id", "calendar_year", "network_code", "tc_reason_code"),
        (
            "Grain: plan x year of service x network x denial reason of the CMS Transparency in Coverage file, and the total over "
            "reasons, named (all). The denominators are those of plan, year and network, so rates of reasons add up."
        ),
        {
            "plan_id": "HIOS plan id with variant.",
            "calendar_year": "Year of service.",
            "network_code": "in, out or unknown.",
            "tc_reason_code": "dim_tc_reason; (all): their total. A claim counts under the reason of its first line.",
            "denied_received_claim_count": "Claim versions received that were denied: all their lines.",
            "received_claim_count": "Claim versions received, resubmitted ones among them, voids not.",
            "received_denial_rate": "denied_received_claim_count / received_claim_count: as CMS counts.",
            "denied_claim_count": "Final-action claims that are denied: all their lines.",
            "claim_count": "Final-action claims.",
            "final_denial_rate": "denied_claim_count / claim_count: what stayed denied.",
            "denied_line_count": "Denied lines of final-action claims.",
            "line_count": "Lines of final-action claims.",
            "line_denial_rate": "denied_line_count / line_count.",
            "denied_billed_amount": "Billed on denied lines of final-action claims, in US dollars.",
            "billed_amount": "Billed on all lines of final-action claims, in US dollars.",
            "dollar_denial_rate": "denied_billed_amount / billed_amount.",
        },
    ),
    "provider_performance": (
        PROVIDER_PERFORMANCE.replace("{since}", LATEST_QUARTERS),
        ("provider_durable_key", "calendar_year", "quarter_number"),
        (
            "Grain: rendering provider x quarter of service, of the quarter of the latest delivery and the one before; "
            "mart.provider_performance_history has every quarter. Price against peers of the specialty, the mix of service "
            "categories held equal."
        ),
        PROVIDER_PERFORMANCE_COLUMNS,
    ),
    "high_cost_claimants": (
        HIGH_COST,
        ("member_durable_key", "calendar_year"),
        "Grain: member x year of service with at least 100,000 US dollars paid. Keys only, no names.",
        {
            "member_durable_key": "dim_member: the member, whatever the version.",
            "calendar_year": "Year of service.",
            "threshold_amount": "The highest of 100,000, 250,000 and 1,000,000 US dollars that paid_amount reaches.",
            "claim_count": "Claims.",
            "line_count": "Claim lines.",
            "allowed_amount": "Allowed, in US dollars.",
            "paid_amount": "Paid by the plan, in US dollars.",
            "over_one_million_amount": "paid_amount over 1,000,000, in US dollars.",
            "pooled_amount": "60 % of over_one_million_amount: the high-cost risk pool's share, in US dollars.",
        },
    ),
    "retro_activity": (
        RETRO_ACTIVITY,
        ("reported_as_of", "month_start_date"),
        (
            "Grain: delivery x coverage month that it changed. What each delivery did to months, what was known with it, and what "
            "is known now."
        ),
        {
            "reported_as_of": "as_of of the delivery.",
            "month_start_date": "First day of the coverage month.",
            "is_retroactive": "The month was over when the delivery changed it.",
            "added_member_month_count": "Member months added.",
            "removed_member_month_count": "Member months taken away, as a negative number.",
            "net_member_month_count": "Both together.",
            "net_gross_premium_amount": "Change of the premium before tax credit, in US dollars.",
            "net_aptc_amount": "Change of the advance premium tax credit, in US dollars.",
            "net_net_premium_amount": "Change of the premium that members owe, in US dollars.",
            "reported_member_month_count": "Member months of the month as reported with this delivery.",
            "reported_gross_premium_amount": "Premium of the month as reported with this delivery, in US dollars.",
            "current_member_month_count": "Member months of the month as known now.",
            "current_gross_premium_amount": "Premium of the month as known now, in US dollars.",
        },
    ),
}

ENROLLMENT_PROFILE = """
CREATE VIEW mart.enrollment_profile AS
SELECT
    cube.month_start_date,
    plan.plan_id,
    plan.issuer_id,
    plan.metal_level,
    plan.csr_variant_code,
    geography.state_code,
    geography.county_fips,
    geography.rating_area,
    cube.age_band_code,
    cube.member_month_count,
    cube.member_count,
    cube.mid_month_member_count,
    cube.covered_day_count,
    cube.gross_premium_amount,
    cube.aptc_amount,
    cube.net_premium_amount
FROM mart.enrollment_monthly AS cube
LEFT JOIN warehouse.dim_plan AS plan
    ON cube.plan_key = plan.plan_key
LEFT JOIN warehouse.dim_geography AS geography
    ON cube.geography_key = geography.geography_key
"""
PMPM_PLAN = (
    """
CREATE VIEW mart.pmpm_service_category_plan AS
WITH """
    + PLANS
    + """
SELECT
    cube.month_start_date,
    plan.plan_id,
    plan.metal_level,
    cube.service_category_code,
    cube.claim_count,
    cube.line_count,
    cube.unit_count,
    cube.allowed_amount,
    cube.paid_amount,
    COALESCE(exposure.member_month_count, 0) AS member_month_count,
    (cube.allowed_amount / NULLIF(exposure.member_month_count, 0))::numeric(14, 4) AS allowed_pmpm_amount,
    (cube.paid_amount / NULLIF(exposure.member_month_count, 0))::numeric(14, 4) AS paid_pmpm_amount,
    (cube.line_count * 12000.0 / NULLIF(exposure.member_month_count, 0))::numeric(14, 2) AS lines_per_1000_rate
FROM mart.claims_monthly_service AS cube
INNER JOIN plan
    ON cube.plan_durable_key = plan.plan_durable_key
LEFT JOIN mart.enrollment_monthly_plan AS exposure
    ON
        cube.month_start_date = exposure.month_start_date
        AND cube.plan_durable_key = exposure.plan_durable_key
"""
)


# Texts by their bytes, numbers as if they had no sign.
IMAGE_ORDER = {
    **{
        name: f'{name} COLLATE "C"'
        for name in ("plan_id", "metal_level", "claim_type", "service_category_code", "network_code", "tc_reason_code")
    },
    **{name: f"{name} < 0, {name}" for name in ("provider_durable_key", "member_durable_key", "lag_month_count")},
}


def describe(kind: str, view: str, comment: str, columns: dict[str, str]) -> None:
    """Comments of a view and of all its columns."""
    comment_on(kind, f"mart.{view}", comment)
    for column, text in columns.items():
        comment_on("COLUMN", f"mart.{view}.{column}", text)


def upgrade() -> None:
    for view, (query, key, comment, columns) in VIEWS.items():
        # In the order in which the server compares whole rows: then a concurrent refresh has them sorted already.
        order = ", ".join(IMAGE_ORDER.get(column, column) for column in key)
        op.execute(f"CREATE MATERIALIZED VIEW mart.{view} AS SELECT * FROM ({query}) AS cube ORDER BY {order}")
        op.execute(f"CREATE UNIQUE INDEX {view}_key ON mart.{view} ({', '.join(key)})")
        describe("MATERIALIZED VIEW", view, comment, columns)
    op.execute(
        "CREATE VIEW mart.plan_performance_history AS " + PLAN_PERFORMANCE.replace("{since}", "DATE '1900-01-01'")
    )
    describe(
        "VIEW",
        "plan_performance_history",
        "Every day of mart.plan_performance, worked out when asked for: ask for one plan and it answers at once.",
        PLAN_PERFORMANCE_COLUMNS,
    )
    op.execute("CREATE VIEW mart.provider_performance_history AS " + PROVIDER_PERFORMANCE.replace("{since}", "0"))
    describe(
        "VIEW",
        "provider_performance_history",
        "Every quarter of mart.provider_performance, worked out when asked for.",
        PROVIDER_PERFORMANCE_COLUMNS,
    )
    op.execute(ENROLLMENT_PROFILE)
    describe(
        "VIEW",
        "enrollment_profile",
        "mart.enrollment_monthly with the words for its keys: month x plan x metal level x CSR variant x place x age band.",
        {
            "month_start_date": "First day of the month.",
            "plan_id": "HIOS plan id with variant.",
            "issuer_id": "HIOS issuer id.",
            "metal_level": "Metal level of the plan.",
            "csr_variant_code": "Variant: 00 off exchange, 01 standard, 02 and 03 AI/AN, 04 to 06 silver CSR.",
            "state_code": "State the members live in.",
            "county_fips": "County the members live in.",
            "rating_area": "Rating area the members live in.",
            "age_band_code": "dim_age_band: age at the month's end.",
            "member_month_count": "Member months: one per member and policy with a covered day.",
            "member_count": "Heads: each member counted once, under the primary policy.",
            "mid_month_member_count": "Effectuated enrollment: heads whose policy covers the 15th.",
            "covered_day_count": "Days with coverage.",
            "gross_premium_amount": "Premium before tax credit, in US dollars.",
            "aptc_amount": "Advance premium tax credit, in US dollars.",
            "net_premium_amount": "Premium the members owe, in US dollars.",
        },
    )
    op.execute(PMPM_PLAN)
    describe(
        "VIEW",
        "pmpm_service_category_plan",
        "mart.pmpm_service_category by plan, worked out when asked for.",
        {
            "month_start_date": "First day of the month of service.",
            "plan_id": "HIOS plan id with variant.",
            "metal_level": "Metal level of the plan.",
            "service_category_code": "dim_service_category.",
            **PMPM_COLUMNS,
        },
    )


def downgrade() -> None:
    op.execute(
        "DROP VIEW mart.pmpm_service_category_plan, mart.enrollment_profile, mart.provider_performance_history, "
        "mart.plan_performance_history"
    )
    for view in reversed(VIEWS):
        op.execute(f"DROP MATERIALIZED VIEW mart.{view}")
