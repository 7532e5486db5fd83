//! A treemap: a rectangle divided by weight, into parts as square as can be.

/// A part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Divides a rectangle by weights, the largest first. The parts do not overlap, and fill it.
pub(super) fn squarified(weights: &[f64], width: f64, height: f64) -> Vec<Rect> {
    let mut parts = Vec::with_capacity(weights.len());
    let mut left = Rect { x: 0.0, y: 0.0, width, height };
    let mut rest = weights;
    while !rest.is_empty() {
        let sum: f64 = rest.iter().sum();
        let (short, area) = (left.width.min(left.height), left.width * left.height);
        if sum <= 0.0 || area <= 0.0 {
            parts.extend(rest.iter().map(|_| Rect { width: 0.0, height: 0.0, ..left }));
            break;
        }
        let scale = area / sum;
        let mut many = 1;
        while many < rest.len() && worst(&rest[..=many], scale, short) <= worst(&rest[..many], scale, short) {
            many += 1;
        }
        let (row, after) = rest.split_at(many);
        let thick = row.iter().sum::<f64>() * scale / short;
        let upright = left.width >= left.height;
        let mut at = 0.0;
        for weight in row {
            let long = weight * scale / thick;
            parts.push(if upright {
                Rect { x: left.x, y: left.y + at, width: thick, height: long }
            } else {
                Rect { x: left.x + at, y: left.y, width: long, height: thick }
            });
            at += long;
        }
        left = if upright {
            Rect { x: left.x + thick, width: (left.width - thick).max(0.0), ..left }
        } else {
            Rect { y: left.y + thick, height: (left.height - thick).max(0.0), ..left }
        };
        rest = after;
    }
    parts
}

/// How far from a square the worst of a row is.
fn worst(row: &[f64], scale: f64, side: f64) -> f64 {
    let sum = row.iter().sum::<f64>() * scale;
    let worst = |weight: &f64| {
        let area = (weight * scale).max(f64::MIN_POSITIVE);
        (side * side * area / (sum * sum)).max(sum * sum / (side * side * area))
    };
    row.iter().map(worst).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_fill_the_whole_by_weight_and_do_not_overlap(mut weights in prop::collection::vec(1.0..1e9_f64, 1..60)) {
            weights.sort_by(|a, b| b.total_cmp(a));
            let parts = squarified(&weights, 1000.0, 400.0);
            prop_assert_eq!(parts.len(), weights.len());
            let sum: f64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((part.width * part.height - weight / sum * 400_000.0).abs() < 0.01);
                prop_assert!(part.x > -0.001 && part.x + part.width < 1000.001);
                prop_assert!(part.y > -0.001 && part.y + part.height < 400.001);
            }
            for (at, one) in parts.iter().enumerate() {
                for other in &parts[..at] {
                    let wide = (one.x + one.width).min(other.x + other.width) - one.x.max(other.x);
                    let high = (one.y + one.height).min(other.y + other.height) - one.y.max(other.y);
                    prop_assert!(wide.max(0.0) * high.max(0.0) < 0.01);
                }
            }
        }
    }

    #[test]
    fn nothing_has_no_area() {
        assert!(squarified(&[], 10.0, 10.0).is_empty());
        assert!(squarified(&[0.0, 0.0], 10.0, 10.0).iter().all(|part| part.width == 0.0));
    }
}
