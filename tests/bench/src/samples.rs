//! Times of single operations, and what is told of them.

use serde_json::{Value, json};

/// Nanoseconds of each operation.
#[derive(Debug, Default)]
pub struct Samples {
    times: Vec<u64>,
}

impl Samples {
    /// Room for so many.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self { times: Vec::with_capacity(count) }
    }

    /// Adds one.
    pub fn push(&mut self, nanoseconds: u64) {
        self.times.push(nanoseconds);
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The time that this share of them (0 to 1) does not exceed; 0 if there is none.
    #[must_use]
    pub fn at(&mut self, share: f64) -> u64 {
        self.times.sort_unstable();
        let last = self.times.len().saturating_sub(1);
        // The index of a share of at most a few million times.
        let index = ((self.times.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last);
        self.times.get(index).copied().unwrap_or(0)
    }

    /// Count, mean and the usual shares.
    #[must_use]
    pub fn summary(&mut self) -> Value {
        let sum: u64 = self.times.iter().sum();
        let mean = sum as f64 / self.times.len().max(1) as f64;
        json!({
            "count": self.len(), "mean_ns": mean,
            "p50_ns": self.at(0.5), "p99_ns": self.at(0.99), "max_ns": self.at(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;

    #[test]
    fn shares_are_nearest_rank() {
        let mut samples = Samples::default();
        assert_eq!(samples.at(0.5), 0);
        for time in (1..=100).rev() {
            samples.push(time);
        }
        assert_eq!((samples.at(0.5), samples.at(0.99), samples.at(1.0)), (50, 99, 100));
    }
}
