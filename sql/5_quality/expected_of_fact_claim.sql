-- Title:  Claim families as their rules see them: a column a rule, true where the family is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.fact_claim
-- Values: :slow_days
SELECT
    'claim family ' || fact.claim_family_id AS failed_key,
    fact.version_count,
    fact.first_received_date,
    fact.first_received_date < fact.first_service_date AS received_before_service,
    fact.first_adjudicated_date < fact.first_received_date AS adjudicated_before_received,
    fact.first_paid_date < fact.first_received_date AS paid_before_received,
    fact.last_action_date < fact.first_adjudicated_date AS actions_out_of_order,
    fact.days_to_pay_count > :slow_days AS paid_slowly
FROM warehouse.fact_claim AS fact
