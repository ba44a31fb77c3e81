-- Title:  The member months of the months that this load touched, added up
-- Fills:  nothing that stays: work_gate_month, one row per month
-- Reads:  warehouse.fact_member_month
-- Values: :months
-- cell_mark: as in work_gate_day, of the enrollment cube.
CREATE TEMPORARY TABLE work_gate_month ON COMMIT DROP AS
SELECT
    fact.month_start_date,
    sum(fact.member_month_count) AS member_month_count,
    sum(fact.is_primary::integer) AS member_count,
    sum(fact.days_covered_count) AS covered_day_count,
    sum(fact.gross_premium_amount) AS gross_premium_amount,
    sum(fact.aptc_amount) AS aptc_amount,
    sum(fact.net_premium_amount) AS net_premium_amount,
    sum((fact.gross_premium_amount <> fact.aptc_amount + fact.net_premium_amount)::integer) AS unsplit_count,
    sum(
        (
            hashint8extended(
                fact.plan_key, hashint8extended(fact.geography_key, hashtextextended(fact.age_band_code, 0))
            ) & 1048575
        )
        * (
            fact.member_month_count + 3 * fact.is_primary::integer + 7 * fact.days_covered_count
            + (100 * (fact.gross_premium_amount + 3 * fact.aptc_amount))::bigint
        )
    ) AS cell_mark
FROM warehouse.fact_member_month AS fact
WHERE fact.month_start_date = ANY(:months)
GROUP BY fact.month_start_date
