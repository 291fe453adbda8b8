//! Metrics as numbers, read out of the very text that `/metrics` answers with.
//!
//! Nothing here counts, so what is shown to people cannot be another number than what is scraped.

/// All samples of one moment.
pub struct Readings<'t> {
    samples: Vec<Sample<'t>>,
}

/// One line of the text.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'t> {
    name: &'t str,
    /// `outcome="stored",reason=""`.
    labels: &'t str,
    value: &'t str,
}

impl<'t> Readings<'t> {
    /// Of our own metrics in the OpenMetrics text format.
    pub fn of(text: &'t str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { samples: lines.filter_map(Sample::parse).collect() }
    }

    /// The sum of a metric over all of its labels; 0 where there is none yet.
    pub fn sum(&self, name: &str) -> u64 {
        self.all(name).map(Sample::count).sum()
    }

    /// Of a metric that is a time.
    pub fn seconds(&self, name: &str) -> f64 {
        self.all(name).find_map(|sample| sample.value.parse().ok()).unwrap_or_default()
    }

    /// Each with its labels.
    pub fn all(&self, name: &str) -> impl Iterator<Item = Sample<'t>> {
        self.samples.iter().copied().filter(move |sample| sample.name == name)
    }
}

impl<'t> Sample<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let (key, value) = line.rsplit_once(' ')?;
        let (name, labels) = key.split_once('{').unwrap_or((key, ""));
        Some(Self { name, labels: labels.strip_suffix('}').unwrap_or(labels), value })
    }

    /// Empty without such a label. Labels are words of ours, names of partners and numbers: none has a comma, a quotation
    /// mark or a backslash in it.
    pub fn label(self, name: &str) -> &'t str {
        let pairs = self.labels.split(',').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value.trim_matches('"'));
        values.next().unwrap_or_default()
    }

    /// A counter, or a gauge that is never below 0.
    pub fn count(self) -> u64 {
        self.value.parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# HELP hits Hits 7.\n# TYPE hits counter\nhits_total{outcome=\"stored\",reason=\"\"} 3\n\
                    hits_total{outcome=\"suppressed\",reason=\"gpc\"} 4\nwaiting 5\ntook_sum 0.25\n\
                    took_bucket{le=\"+Inf\"} 2\n# EOF\n";
        let readings = Readings::of(text);
        let of = |sample: Sample<'_>| (sample.label("outcome").to_owned(), sample.count());
        let hits: Vec<_> = readings.all("hits_total").map(of).collect();
        assert_eq!(hits, [("stored".to_owned(), 3), ("suppressed".to_owned(), 4)]);
        assert_eq!((readings.sum("hits_total"), readings.sum("waiting")), (7, 5));
        assert_eq!((readings.sum("hits"), readings.sum("took_bucket")), (0, 2));
        assert_eq!((readings.seconds("took_sum"), readings.seconds("nothing")), (0.25, 0.0));
        let bucket = readings.all("took_bucket").next().expect("the bucket");
        assert_eq!((bucket.label("le"), bucket.label("reason")), ("+Inf", ""));
    }
}
