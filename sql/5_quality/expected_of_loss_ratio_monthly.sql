-- Title:  Loss ratios as their rules see them: a column a rule, true where the month is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  mart.loss_ratio_monthly
-- Values: :loss_ratio_low, :loss_ratio_high, :credible_member_months
SELECT
    cube.month_start_date || ' ' || cube.metal_level AS failed_key,
    cube.paid_amount > 0 AND cube.gross_premium_amount = 0 AS claims_without_premium,
    NOT cube.is_future_month AND cube.member_month_count >= :credible_member_months
    AND (cube.loss_ratio_rate < :loss_ratio_low OR cube.loss_ratio_rate > :loss_ratio_high) AS loss_ratio_unlikely,
    cube.aptc_amount > cube.gross_premium_amount AS aptc_over_premium
FROM mart.loss_ratio_monthly AS cube
