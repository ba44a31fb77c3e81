-- Title:  The member months of the months that this load touched, added up
-- Fills:  nothing that stays: work_gate_month, one row per month
-- Reads:  warehouse.fact_member_month
-- Values: :months
CREATE TEMPORARY TABLE work_gate_month ON COMMIT DROP AS
SELECT
    fact.month_start_date,
    sum(fact.member_month_count) AS member_month_count,
    sum(fact.is_primary::integer) AS member_count,
    sum(fact.days_covered_count) AS covered_day_count,
    sum(fact.gross_premium_amount) AS gross_premium_amount,
    sum(fact.aptc_amount) AS aptc_amount,
    sum(fact.net_premium_amount) AS net_premium_amount,
    sum((fact.gross_premium_amount <> fact.aptc_amount + fact.net_premium_amount)::integer) AS unsplit_count
FROM warehouse.fact_member_month AS fact
WHERE fact.month_start_date = ANY(:months)
GROUP BY fact.month_start_date
