-- Title:  Member months of these loads whose premium is not what member and tax credit pay
-- Fills:  nothing: gives the keys that fail
-- Reads:  warehouse.fact_member_month
-- Values: :loads
SELECT month.member_durable_key || ' ' || month.month_start_date AS failed_key
FROM warehouse.fact_member_month AS month
WHERE
    month.load_id = ANY(:loads)
    AND month.gross_premium_amount <> month.aptc_amount + month.net_premium_amount
