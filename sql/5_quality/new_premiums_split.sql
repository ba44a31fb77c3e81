-- Title:  Member months that this load wrote whose premium is not what member and tax credit pay
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_member_month_delta, warehouse.fact_member_month
-- Values: none
SELECT 'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS failed_key
FROM work_member_month_delta AS delta
INNER JOIN warehouse.fact_member_month AS fact
    ON
        delta.member_durable_key = fact.member_durable_key
        AND delta.month_start_date = fact.month_start_date
        AND delta.policy_id = fact.policy_id
WHERE delta.sign = 1 AND fact.gross_premium_amount <> fact.aptc_amount + fact.net_premium_amount
