-- Title:  Member months as each delivery changed them, by coverage month
-- Fills:  mart.adjustment_monthly: what is added to it
-- Reads:  work_adjustment_delta
-- Values: none
SELECT
    delta.reported_as_of,
    delta.month_start_date,
    sum(delta.sign) AS fact_row_count,
    COALESCE(sum(delta.member_month_count) FILTER (WHERE NOT delta.is_removal), 0) AS added_member_month_count,
    COALESCE(sum(delta.member_month_count) FILTER (WHERE delta.is_removal), 0) AS removed_member_month_count,
    sum(delta.member_month_count) AS member_month_count,
    sum(delta.days_covered_count) AS covered_day_count,
    sum(delta.gross_premium_amount) AS gross_premium_amount,
    sum(delta.aptc_amount) AS aptc_amount,
    sum(delta.net_premium_amount) AS net_premium_amount
FROM work_adjustment_delta AS delta
GROUP BY delta.reported_as_of, delta.month_start_date
