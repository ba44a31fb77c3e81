-- Title:  What this load's claims add to each day of each plan
-- Fills:  work_plan_day_delta, one row per plan and service day
-- Reads:  work_claim_delta
-- Values: none
CREATE TEMPORARY TABLE work_plan_day_delta ON COMMIT DROP AS
SELECT
    delta.plan_durable_key,
    delta.service_date,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.claim_count) AS claim_count,
    sum(delta.sign * delta.allowed_amount) AS allowed_amount,
    sum(delta.sign * delta.paid_amount) AS paid_amount,
    COALESCE(
        sum(delta.sign * delta.paid_amount) FILTER (WHERE delta.paid_date <= delta.service_date + 30), 0
    ) AS settled_paid_amount
FROM work_claim_delta AS delta
GROUP BY delta.plan_durable_key, delta.service_date
