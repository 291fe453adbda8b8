//! A small seeded generator, so that a run can be repeated from the seed that it printed.

/// SplitMix64 (Steele, Lea, Flood 2014). Good enough to choose requests and moments; not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        // The bias is end / 2^64.
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    /// A number in `[0, 1)`.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A waiting time with the mean `mean`, as between the arrivals of a Poisson process.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.fraction()).ln()
    }
}

/// A seed that differs from run to run.
pub(crate) fn fresh_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos() as u64);
    Random::new(nanos ^ (u64::from(std::process::id()) << 40)).next() >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        assert!((0..1000).all(|_| one.next() == two.next()));
    }

    #[test]
    fn waiting_times_have_the_stated_mean() {
        let mut random = Random::new(1);
        let sum: f64 = (0..100_000).map(|_| random.exponential(2.0)).sum();
        assert!((sum / 100_000.0 - 2.0).abs() < 0.05, "{sum}");
    }

    #[test]
    fn numbers_stay_below_their_end() {
        let mut random = Random::new(3);
        assert!((0..1000).all(|_| random.below(3) < 3));
    }
}
