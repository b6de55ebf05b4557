//! Medians of pairs, and how they are written.

/// The median; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Neighbours: without and with a watcher.
#[derive(Default, Clone)]
pub struct Pairs {
    pairs: Vec<(f64, f64)>,
}

impl Pairs {
    /// Adds one.
    pub fn push(&mut self, bare: f64, watched: f64) {
        self.pairs.push((bare, watched));
    }

    /// Median of the ratios.
    pub fn ratio(&self) -> f64 {
        median(&self.ratios())
    }

    /// Median of the differences.
    pub fn added(&self) -> f64 {
        median(&self.pairs.iter().map(|(bare, watched)| watched - bare).collect::<Vec<_>>())
    }

    /// The bare samples.
    pub fn bares(&self) -> impl Iterator<Item = f64> + '_ {
        self.pairs.iter().map(|(bare, _)| *bare)
    }

    fn ratios(&self) -> Vec<f64> {
        self.pairs.iter().map(|(bare, watched)| watched / bare).collect()
    }

    /// `×median (lowest to highest), +added UNIT`; a dash where nothing was measured.
    pub fn cell(&self, divide: f64, unit: &str) -> String {
        if self.pairs.is_empty() {
            return "–".to_owned();
        }
        let (low, high) = range(&self.ratios());
        format!("×{:.2} ({low:.2}–{high:.2}), {:+} {unit}", self.ratio(), Short(self.added() / divide))
    }
}

/// Lowest and highest.
pub fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// A number with as many places as make sense for its size.
pub struct Short(pub f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = match self.0.abs() {
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        let sign = if f.sign_plus() && self.0 >= 0.0 { "+" } else { "" };
        write!(f, "{sign}{:.places$}", self.0)
    }
}

/// A whole number with its thousands apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Pairs, Short, median, thousands};

    #[test]
    fn medians_are_of_each_pair() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        let mut pairs = Pairs::default();
        // The machine was slower in one pair: its ratio is as good as the others.
        for (bare, watched) in [(100.0, 120.0), (200.0, 240.0), (100.0, 130.0)] {
            pairs.push(bare, watched);
        }
        assert_eq!(pairs.cell(1.0, "ns"), "×1.20 (1.20–1.30), +30.0 ns");
        assert_eq!(Pairs::default().cell(1.0, "ns"), "–");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(format!("{} {} {:+}", Short(1234.4), Short(12.34), Short(-0.123)), "1234 12.3 -0.12");
        assert_eq!([thousands(7), thousands(1234), thousands(1_000_000)], ["7", "1 234", "1 000 000"]);
    }
}
