//! Shares a sum by value, exactly.

/// Shares `total` over `values` in proportion, in whole minor units: each part is rounded towards zero, and the units that are left over go,
/// one each, to the parts that lost most by that (the first of equals). Values of zero or less get nothing. `None` when no value is above
/// zero, so that there is nothing to go by.
#[must_use]
pub fn by_value(total: i64, values: &[i64]) -> Option<Vec<i64>> {
    let whole: i128 = values.iter().map(|value| i128::from((*value).max(0))).sum();
    if whole == 0 {
        return None;
    }
    let amount = i128::from(total.unsigned_abs());
    let exact = values.iter().map(|value| amount * i128::from((*value).max(0)));
    let (mut parts, rests): (Vec<i128>, Vec<i128>) = exact.map(|part| (part / whole, part % whole)).unzip();
    let left = amount - parts.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(rests[*at]));
    for at in order.into_iter().take(usize::try_from(left).unwrap_or_default()) {
        parts[at] += 1;
    }
    let sign = total.signum();
    parts.into_iter().map(|part| i64::try_from(part).ok().map(|part| part * sign)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_over_goes_where_most_was_lost() {
        assert_eq!(by_value(100, &[1, 1, 1]), Some(vec![34, 33, 33]));
        assert_eq!(by_value(-100, &[1, 1, 1]), Some(vec![-34, -33, -33]));
        assert_eq!(by_value(10, &[100, 0, -50, 300]), Some(vec![3, 0, 0, 7]), "2.5 and 7.5: the first of equals");
        assert_eq!(by_value(10, &[0, -1]), None);
        assert_eq!(by_value(10, &[]), None);
        assert_eq!(by_value(i64::MAX, &[i64::MAX, i64::MAX]), Some(vec![i64::MAX / 2 + 1, i64::MAX / 2]));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_fair(total in -1_000_000_i64..1_000_000, values in prop::collection::vec(-100_i64..10_000, 1..40)) {
            let Some(parts) = by_value(total, &values) else {
                prop_assert!(values.iter().all(|value| *value <= 0));
                return Ok(());
            };
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            let whole: i128 = values.iter().map(|value| i128::from((*value).max(0))).sum();
            for (part, value) in parts.iter().zip(&values) {
                // Never a whole unit away from the exact part.
                let exact = i128::from(total) * i128::from((*value).max(0));
                prop_assert!((i128::from(*part) * whole - exact).abs() < whole);
            }
        }

        #[test]
        fn who_is_worth_more_never_gets_less(total in 0_i64..1_000_000, values in prop::collection::vec(0_i64..10_000, 2..20)) {
            prop_assume!(values.iter().any(|value| *value > 0));
            let parts = by_value(total, &values).expect("a value above zero");
            for (a, b) in (0..values.len()).flat_map(|a| (0..values.len()).map(move |b| (a, b))) {
                prop_assert!(values[a] <= values[b] || parts[a] >= parts[b]);
            }
        }
    }
}
