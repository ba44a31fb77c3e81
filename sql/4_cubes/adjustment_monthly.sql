-- Title:  Member months as each delivery changed them, by coverage month
-- Fills:  mart.adjustment_monthly: adds what the delta sums to
-- Reads:  work_adjustment_delta
-- Values: none
INSERT INTO mart.adjustment_monthly AS cube (
    reported_as_of, month_start_date, fact_row_count, added_member_month_count, removed_member_month_count,
    member_month_count, covered_day_count, gross_premium_amount, aptc_amount, net_premium_amount
)
SELECT
    delta.reported_as_of,
    delta.month_start_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * GREATEST(delta.member_month_count, 0)) AS added_member_month_count,
    sum(delta.sign * LEAST(delta.member_month_count, 0)) AS removed_member_month_count,
    sum(delta.sign * delta.member_month_count) AS member_month_count,
    sum(delta.sign * delta.days_covered_count) AS covered_day_count,
    sum(delta.sign * delta.gross_premium_amount) AS gross_premium_amount,
    sum(delta.sign * delta.aptc_amount) AS aptc_amount,
    sum(delta.sign * delta.net_premium_amount) AS net_premium_amount
FROM work_adjustment_delta AS delta
GROUP BY delta.reported_as_of, delta.month_start_date
ON CONFLICT (reported_as_of, month_start_date) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    added_member_month_count = cube.added_member_month_count + excluded.added_member_month_count,
    removed_member_month_count = cube.removed_member_month_count + excluded.removed_member_month_count,
    member_month_count = cube.member_month_count + excluded.member_month_count,
    covered_day_count = cube.covered_day_count + excluded.covered_day_count,
    gross_premium_amount = cube.gross_premium_amount + excluded.gross_premium_amount,
    aptc_amount = cube.aptc_amount + excluded.aptc_amount,
    net_premium_amount = cube.net_premium_amount + excluded.net_premium_amount
