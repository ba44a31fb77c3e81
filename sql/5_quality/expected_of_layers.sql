-- Title:  The same records and dollars at every layer: a row a comparison, true where two layers differ
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  etl.source_file, staging.stg_claim, stg_enrollment, warehouse.fact_claim_line, fact_enrollment
-- Values: none
-- Reads the rest too: fact_member_month, and of mart claims_daily_plan_provider, claims_monthly_member,
-- enrollment_monthly, loss_ratio_monthly
WITH staged AS MATERIALIZED (
    SELECT
        count(*) AS line_count,
        sum(claim.billed_amount) AS billed_amount,
        sum(claim.allowed_amount) AS allowed_amount,
        sum(claim.paid_amount) AS paid_amount
    FROM staging.stg_claim AS claim
    INNER JOIN etl.source_file AS file
        ON claim.source_file_id = file.source_file_id
    WHERE file.status = 'in_force' AND claim.claim_frequency_code <> '8'
),

-- Added up once, by what each line is; the figures below are sums of a few rows.
lines AS MATERIALIZED (
    SELECT
        fact.is_reversal,
        fact.is_final_action,
        fact.claim_frequency_code = '8' AS is_void,
        count(*) AS row_count,
        sum(fact.line_count) AS line_count,
        sum(fact.claim_count) AS claim_count,
        sum(fact.denied_line_count) AS denied_line_count,
        sum(fact.billed_amount) AS billed_amount,
        sum(fact.allowed_amount) AS allowed_amount,
        sum(fact.paid_amount) AS paid_amount,
        sum(fact.deductible_amount) AS deductible_amount,
        sum(fact.copay_amount) AS copay_amount,
        sum(fact.coinsurance_amount) AS coinsurance_amount,
        sum(fact.cob_amount) AS cob_amount
    FROM warehouse.fact_claim_line AS fact
    GROUP BY fact.is_reversal, fact.is_final_action, fact.claim_frequency_code = '8'
),

facts AS MATERIALIZED (
    SELECT
        sum(line.line_count) AS line_count,
        sum(line.claim_count) AS claim_count,
        sum(line.denied_line_count) AS denied_line_count,
        sum(line.billed_amount) AS billed_amount,
        sum(line.allowed_amount) AS allowed_amount,
        sum(line.paid_amount) AS paid_amount,
        sum(line.deductible_amount) AS deductible_amount,
        sum(line.copay_amount) AS copay_amount,
        sum(line.coinsurance_amount) AS coinsurance_amount,
        sum(line.cob_amount) AS cob_amount,
        COALESCE(sum(line.row_count) FILTER (WHERE NOT line.is_reversal AND NOT line.is_void), 0) AS version_line_count,
        sum(line.billed_amount) FILTER (WHERE NOT line.is_reversal) AS version_billed_amount,
        sum(line.allowed_amount) FILTER (WHERE NOT line.is_reversal) AS version_allowed_amount,
        sum(line.paid_amount) FILTER (WHERE NOT line.is_reversal) AS version_paid_amount,
        sum(line.allowed_amount) FILTER (WHERE line.is_final_action) AS incurred_allowed_amount,
        sum(line.paid_amount) FILTER (WHERE line.is_final_action) AS incurred_paid_amount
    FROM lines AS line
),

-- Lines that are not in the facts, though their version is: delivered anew. Looked for where counts differ.
missing AS MATERIALIZED (
    SELECT claim.*
    FROM staging.stg_claim AS claim
    INNER JOIN etl.source_file AS file
        ON claim.source_file_id = file.source_file_id
    LEFT JOIN warehouse.fact_claim_line AS fact
        ON
            claim.claim_id = fact.claim_id
            AND claim.claim_version_number = fact.claim_version_number
            AND claim.claim_line_number = fact.claim_line_number
            AND claim.load_id = fact.load_id
            AND NOT fact.is_reversal
    WHERE
        file.status = 'in_force'
        AND claim.claim_frequency_code <> '8'
        AND fact.claim_id IS NULL
        AND (SELECT staged.line_count FROM staged) <> (SELECT facts.version_line_count FROM facts)
),

kept_version AS MATERIALIZED (
    SELECT DISTINCT
        fact.claim_id,
        fact.claim_version_number
    FROM warehouse.fact_claim_line AS fact
    INNER JOIN missing
        ON
            fact.claim_id = missing.claim_id
            AND fact.claim_version_number = missing.claim_version_number
            AND NOT fact.is_reversal
),

repeated AS MATERIALIZED (
    SELECT
        count(*) AS line_count,
        COALESCE(sum(missing.billed_amount), 0) AS billed_amount,
        COALESCE(sum(missing.allowed_amount), 0) AS allowed_amount,
        COALESCE(sum(missing.paid_amount), 0) AS paid_amount
    FROM missing
    INNER JOIN kept_version
        ON
            missing.claim_id = kept_version.claim_id
            AND missing.claim_version_number = kept_version.claim_version_number
),

daily AS MATERIALIZED (
    SELECT
        sum(cube.line_count) AS line_count,
        sum(cube.claim_count) AS claim_count,
        sum(cube.denied_line_count) AS denied_line_count,
        sum(cube.billed_amount) AS billed_amount,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount,
        sum(cube.deductible_amount) AS deductible_amount,
        sum(cube.copay_amount) AS copay_amount,
        sum(cube.coinsurance_amount) AS coinsurance_amount,
        sum(cube.cob_amount) AS cob_amount
    FROM mart.claims_daily_plan_provider AS cube
),

monthly AS MATERIALIZED (
    SELECT
        sum(cube.line_count) AS line_count,
        sum(cube.claim_count) AS claim_count,
        sum(cube.denied_line_count) AS denied_line_count,
        sum(cube.billed_amount) AS billed_amount,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount,
        sum(cube.deductible_amount) AS deductible_amount,
        sum(cube.copay_amount) AS copay_amount,
        sum(cube.coinsurance_amount) AS coinsurance_amount,
        sum(cube.cob_amount) AS cob_amount
    FROM mart.claims_monthly_member AS cube
),

transactions AS MATERIALIZED (
    SELECT count(DISTINCT enrollment.transaction_id) AS staged_count
    FROM staging.stg_enrollment AS enrollment
    INNER JOIN etl.source_file AS file
        ON enrollment.source_file_id = file.source_file_id
    WHERE file.status = 'in_force'
),

spans AS MATERIALIZED (
    SELECT count(*) AS transaction_count
    FROM warehouse.fact_enrollment
),

months AS MATERIALIZED (
    SELECT
        sum(fact.member_month_count) AS member_month_count,
        sum(fact.is_primary::integer) AS member_count,
        sum(fact.days_covered_count) AS covered_day_count,
        sum(fact.gross_premium_amount) AS gross_premium_amount,
        sum(fact.aptc_amount) AS aptc_amount,
        sum(fact.net_premium_amount) AS net_premium_amount
    FROM warehouse.fact_member_month AS fact
),

enrollment_cube AS MATERIALIZED (
    SELECT
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.member_count) AS member_count,
        sum(cube.covered_day_count) AS covered_day_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount,
        sum(cube.aptc_amount) AS aptc_amount,
        sum(cube.net_premium_amount) AS net_premium_amount
    FROM mart.enrollment_monthly AS cube
),

loss_ratio AS MATERIALIZED (
    SELECT
        sum(cube.gross_premium_amount) AS gross_premium_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.loss_ratio_monthly AS cube
),

compared AS (
    SELECT
        comparison.fault,
        comparison.measure,
        COALESCE(comparison.expected, 0) AS expected,
        COALESCE(comparison.found, 0) AS found
    FROM staged
    CROSS JOIN facts
    CROSS JOIN repeated
    CROSS JOIN daily
    CROSS JOIN monthly
    CROSS JOIN transactions
    CROSS JOIN spans
    CROSS JOIN months
    CROSS JOIN enrollment_cube
    CROSS JOIN loss_ratio
    CROSS JOIN LATERAL (
        VALUES
        ('staging_differs_from_facts', 'line_count', staged.line_count - repeated.line_count, facts.version_line_count),
        (
            'staging_differs_from_facts', 'billed_amount', staged.billed_amount - repeated.billed_amount,
            facts.version_billed_amount
        ),
        (
            'staging_differs_from_facts', 'allowed_amount', staged.allowed_amount - repeated.allowed_amount,
            facts.version_allowed_amount
        ),
        (
            'staging_differs_from_facts', 'paid_amount', staged.paid_amount - repeated.paid_amount,
            facts.version_paid_amount
        ),
        ('cash_differs_from_incurred', 'allowed_amount', facts.allowed_amount, facts.incurred_allowed_amount),
        ('cash_differs_from_incurred', 'paid_amount', facts.paid_amount, facts.incurred_paid_amount),
        ('daily_cube_differs_from_facts', 'line_count', facts.line_count, daily.line_count),
        ('daily_cube_differs_from_facts', 'claim_count', facts.claim_count, daily.claim_count),
        ('daily_cube_differs_from_facts', 'denied_line_count', facts.denied_line_count, daily.denied_line_count),
        ('daily_cube_differs_from_facts', 'billed_amount', facts.billed_amount, daily.billed_amount),
        ('daily_cube_differs_from_facts', 'allowed_amount', facts.allowed_amount, daily.allowed_amount),
        ('daily_cube_differs_from_facts', 'paid_amount', facts.paid_amount, daily.paid_amount),
        ('daily_cube_differs_from_facts', 'deductible_amount', facts.deductible_amount, daily.deductible_amount),
        ('daily_cube_differs_from_facts', 'copay_amount', facts.copay_amount, daily.copay_amount),
        ('daily_cube_differs_from_facts', 'coinsurance_amount', facts.coinsurance_amount, daily.coinsurance_amount),
        ('daily_cube_differs_from_facts', 'cob_amount', facts.cob_amount, daily.cob_amount),
        ('member_cube_differs_from_facts', 'line_count', facts.line_count, monthly.line_count),
        ('member_cube_differs_from_facts', 'claim_count', facts.claim_count, monthly.claim_count),
        ('member_cube_differs_from_facts', 'denied_line_count', facts.denied_line_count, monthly.denied_line_count),
        ('member_cube_differs_from_facts', 'billed_amount', facts.billed_amount, monthly.billed_amount),
        ('member_cube_differs_from_facts', 'allowed_amount', facts.allowed_amount, monthly.allowed_amount),
        ('member_cube_differs_from_facts', 'paid_amount', facts.paid_amount, monthly.paid_amount),
        ('member_cube_differs_from_facts', 'deductible_amount', facts.deductible_amount, monthly.deductible_amount),
        ('member_cube_differs_from_facts', 'copay_amount', facts.copay_amount, monthly.copay_amount),
        ('member_cube_differs_from_facts', 'coinsurance_amount', facts.coinsurance_amount, monthly.coinsurance_amount),
        ('member_cube_differs_from_facts', 'cob_amount', facts.cob_amount, monthly.cob_amount),
        (
            'enrollments_staged_differ_from_facts', 'transactions', transactions.staged_count,
            spans.transaction_count
        ),
        (
            'enrollment_cube_differs_from_facts', 'member_month_count', months.member_month_count,
            enrollment_cube.member_month_count
        ),
        ('enrollment_cube_differs_from_facts', 'member_count', months.member_count, enrollment_cube.member_count),
        (
            'enrollment_cube_differs_from_facts', 'covered_day_count', months.covered_day_count,
            enrollment_cube.covered_day_count
        ),
        (
            'enrollment_cube_differs_from_facts', 'gross_premium_amount', months.gross_premium_amount,
            enrollment_cube.gross_premium_amount
        ),
        ('enrollment_cube_differs_from_facts', 'aptc_amount', months.aptc_amount, enrollment_cube.aptc_amount),
        (
            'enrollment_cube_differs_from_facts', 'net_premium_amount', months.net_premium_amount,
            enrollment_cube.net_premium_amount
        ),
        ('loss_ratio_differs_from_cubes', 'paid_amount', daily.paid_amount, loss_ratio.paid_amount),
        (
            'loss_ratio_differs_from_cubes', 'gross_premium_amount', enrollment_cube.gross_premium_amount,
            loss_ratio.gross_premium_amount
        )
    ) AS comparison (fault, measure, expected, found)
)

SELECT
    compared.fault || ' ' || compared.measure || ': ' || compared.expected || ' against ' || compared.found
        AS failed_key,
    compared.expected <> compared.found AND compared.fault = 'staging_differs_from_facts' AS staging_differs_from_facts,
    compared.expected <> compared.found AND compared.fault = 'cash_differs_from_incurred' AS cash_differs_from_incurred,
    compared.expected <> compared.found AND compared.fault = 'daily_cube_differs_from_facts'
        AS daily_cube_differs_from_facts,
    compared.expected <> compared.found AND compared.fault = 'member_cube_differs_from_facts'
        AS member_cube_differs_from_facts,
    compared.expected <> compared.found AND compared.fault = 'enrollments_staged_differ_from_facts'
        AS enrollments_staged_differ_from_facts,
    compared.expected <> compared.found AND compared.fault = 'enrollment_cube_differs_from_facts'
        AS enrollment_cube_differs_from_facts,
    compared.expected <> compared.found AND compared.fault = 'loss_ratio_differs_from_cubes'
        AS loss_ratio_differs_from_cubes
FROM compared
