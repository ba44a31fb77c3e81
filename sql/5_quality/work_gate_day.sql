-- Title:  The claim facts of some days, added up
-- Fills:  nothing that stays: work_gate_day, one row per service day
-- Reads:  warehouse.fact_claim_line
-- Values: :days
-- cell_mark: lines and dollars times a number that each cell of the daily cube has. Its sum tells whether all are in
-- the right cell, without adding up each.
CREATE TEMPORARY TABLE work_gate_day ON COMMIT DROP AS
SELECT
    fact.service_date,
    sum(fact.line_count) AS line_count,
    sum(fact.claim_count) AS claim_count,
    sum(fact.denied_line_count) AS denied_line_count,
    sum(fact.billed_amount) AS billed_amount,
    sum(fact.allowed_amount) AS allowed_amount,
    sum(fact.paid_amount) AS paid_amount,
    sum(fact.deductible_amount) AS deductible_amount,
    sum(fact.copay_amount) AS copay_amount,
    sum(fact.coinsurance_amount) AS coinsurance_amount,
    sum(fact.cob_amount) AS cob_amount,
    sum(
        (
            hashint8extended(
                fact.plan_key,
                hashint8extended(
                    fact.rendering_provider_key,
                    hashtextextended(fact.claim_type, COALESCE(fact.is_in_network::integer, 2))
                )
            ) & 1048575
        ) * (fact.line_count + (100 * (fact.billed_amount + 3 * fact.allowed_amount + 7 * fact.paid_amount))::bigint)
    ) AS cell_mark
FROM warehouse.fact_claim_line AS fact
WHERE fact.service_date = ANY(:days)
GROUP BY fact.service_date
