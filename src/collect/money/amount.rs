//! Prices, and amounts of money.

use serde::{Serialize, Serializer};
use std::fmt::Write as _;
use std::iter::Sum;

/// A price: 10⁻¹² of the currency's unit, so that a thousandth of the price of a thousand requests is exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(u64);

const DECIMALS: usize = 12;
/// More than anything costs; and what keeps every product in its number.
const HIGHEST: u64 = 1_000_000;
/// An amount is 10⁻⁶ of the currency's unit.
const PER_AMOUNT: u128 = 1_000_000;

impl Price {
    /// Reads a decimal number such as `0.0235`.
    ///
    /// # Errors
    /// If it is anything else, or more than a million.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a price such as 0.0235, found {}", crate::error::quoted(text));
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(part) || part.len() > DECIMALS {
            return Err(wrong());
        }
        let whole = whole.parse().ok().filter(|whole: &u64| *whole <= HIGHEST).ok_or_else(wrong)?;
        let part: u64 = format!("{part:0<DECIMALS$}").parse().map_err(|_| wrong())?;
        Ok(Self(whole * 10_u64.pow(12) + part))
    }

    /// What so many cost where this is the price of `per`; to the nearest millionth.
    #[must_use]
    pub fn of(self, count: u64, per: u64) -> Amount {
        self.of_parts(count, 1, per)
    }

    /// The same for `count` times `times`.
    #[must_use]
    pub fn of_parts(self, count: u64, times: u64, per: u64) -> Amount {
        let product = u128::from(self.0).saturating_mul(u128::from(count)).saturating_mul(u128::from(times));
        let per = u128::from(per.max(1)).saturating_mul(PER_AMOUNT);
        Amount(u64::try_from(product.saturating_add(per / 2) / per).unwrap_or(u64::MAX))
    }
}

/// An amount of money: millionths of the currency's unit. Never less than nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u64);

impl Amount {
    /// From millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// In millionths.
    #[must_use]
    pub fn millionths(self) -> u64 {
        self.0
    }

    /// Both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left; nothing, where the other is more.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// A part of it, to the nearest millionth.
    #[must_use]
    pub fn part(self, of: u64, whole: u64) -> Self {
        let whole = u128::from(whole.max(1));
        let part = (u128::from(self.0) * u128::from(of) + whole / 2) / whole;
        Self(u64::try_from(part).unwrap_or(u64::MAX))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Self::plus)
    }
}

/// As a number of the currency's units with at most six decimals.
impl Serialize for Amount {
    #[expect(clippy::cast_precision_loss, reason = "exact below nine thousand million units")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

/// For people: two decimals, and where that says nothing, four; thousands apart (`23,552.00`).
impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (step, decimals) = if self.0 >= 100_000 { (10_000, 2) } else { (100, 4) };
        let rounded = self.0.saturating_add(step / 2) / step;
        if rounded == 0 && self.0 > 0 {
            return f.write_str("<0.0001");
        }
        if self.0 == 0 {
            return f.write_str("0.00");
        }
        let unit = 1_000_000 / step;
        let whole = (rounded / unit).to_string();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            f.write_char(digit)?;
        }
        write!(f, ".{:0decimals$}", rounded % unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_decimal_numbers_and_nothing_else() {
        for (text, pico) in [("0", 0), ("0.023", 23_000_000_000), ("1000000", 10_u64.pow(18)), ("0.000000000001", 1)] {
            assert_eq!(Price::parse(text), Ok(Price(pico)), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000000000001", "1000001", "0,02", " 1", "٣", "NaN"] {
            assert!(Price::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_rounded_once_and_never_overflow() {
        let price = Price::parse("0.023").unwrap_or_default();
        assert_eq!(price.of(1 << 40, 1 << 30), Amount(23_552_000));
        assert_eq!(Price(500_000).of(1, 1), Amount(1), "half a millionth is one");
        assert_eq!(Price(499_999).of(1, 1), Amount(0));
        assert_eq!(Price(10_u64.pow(18)).of(u64::MAX, 1), Amount(u64::MAX));
        assert_eq!(Amount(u64::MAX).part(u64::MAX, u64::MAX), Amount(u64::MAX));
        assert_eq!(Amount(10).minus(Amount(11)), Amount(0));
    }

    #[test]
    fn people_read_amounts_as_money() {
        for (millionths, text) in [
            (0, "0.00"),
            (1, "<0.0001"),
            (50, "0.0001"),
            (12_345, "0.0123"),
            (99_999, "0.1000"),
            (100_000, "0.10"),
            (1_005_000, "1.01"),
            (23_552_000_000, "23,552.00"),
            (999_999_999, "1,000.00"),
            (1_234_567_890_000, "1,234,567.89"),
        ] {
            assert_eq!(Amount(millionths).to_string(), text);
        }
    }
}
