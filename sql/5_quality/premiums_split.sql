-- Title:  Member months whose premium is not what member and tax credit pay
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_gate_month, warehouse.fact_member_month
-- Values: none
WITH months AS MATERIALIZED (
    SELECT month.month_start_date
    FROM work_gate_month AS month
    WHERE month.unsplit_count > 0
)

SELECT 'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS failed_key
FROM warehouse.fact_member_month AS fact
WHERE
    (SELECT count(*) FROM months) > 0
    AND fact.month_start_date = ANY(array(SELECT months.month_start_date FROM months))
    AND fact.gross_premium_amount <> fact.aptc_amount + fact.net_premium_amount
