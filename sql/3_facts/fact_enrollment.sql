-- Title:  Enrollment transactions of these loads
-- Fills:  warehouse.fact_enrollment, one row per transaction
-- Reads:  work_enrollment
-- Values: none
INSERT INTO warehouse.fact_enrollment (
    member_durable_key, transaction_id, enrollment_id, transaction_date, is_current_version, policy_id, member_key,
    plan_durable_key, plan_key, geography_key, coverage_start_date, coverage_end_date, coverage_start_date_key,
    maintenance_type_code, maintenance_reason_code, enrollment_status, enrollment_period, renewal_type,
    gross_premium_amount, aptc_amount, net_premium_amount, load_id, load_timestamp
)
SELECT
    member_durable_key,
    transaction_id,
    enrollment_id,
    transaction_date,
    row_number() OVER (PARTITION BY enrollment_id ORDER BY transaction_date DESC, transaction_id DESC) = 1
        AS is_current_version,
    policy_id,
    member_key,
    plan_durable_key,
    plan_key,
    geography_key,
    coverage_start_date,
    coverage_end_date,
    coverage_start_date_key,
    maintenance_type_code,
    maintenance_reason_code,
    enrollment_status,
    enrollment_period,
    renewal_type,
    gross_premium_amount,
    aptc_amount,
    net_premium_amount,
    load_id,
    load_timestamp
FROM work_enrollment
