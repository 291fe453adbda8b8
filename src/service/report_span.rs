//! The time that a report is about, and its parts.

use std::ops::Range;

use crate::domain::time::{MS_PER_DAY, MS_PER_HOUR, Timestamp};

/// All in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Today and the 29 days before, by day.
    Days30,
    /// This hour and the 47 before, by hour.
    Hours48,
}

impl Span {
    pub const ALL: [Self; 2] = [Self::Days30, Self::Hours48];

    /// `30d`, `48h`
    pub const fn name(self) -> &'static str {
        match self {
            Self::Days30 => "30d",
            Self::Hours48 => "48h",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.name() == name)
    }

    pub const fn parts(self) -> usize {
        match self {
            Self::Days30 => 30,
            Self::Hours48 => 48,
        }
    }

    const fn part_hours(self) -> u64 {
        match self {
            Self::Days30 => MS_PER_DAY / MS_PER_HOUR,
            Self::Hours48 => 1,
        }
    }

    /// The hours since 1970 that are in it. The last one has not begun: a clock of somebody else's may be ahead.
    pub const fn hours(self, now: Timestamp) -> Range<u64> {
        let now = now.0 / MS_PER_HOUR;
        let this_part = now - now % self.part_hours();
        let first = this_part.saturating_sub((self.parts() as u64 - 1) * self.part_hours());
        first..now + 2
    }

    /// When each part begins, the oldest first.
    pub fn starts(self, now: Timestamp) -> Vec<Timestamp> {
        let first = self.hours(now).start;
        let start = |part| Timestamp((first + part * self.part_hours()) * MS_PER_HOUR);
        (0..self.parts() as u64).map(start).collect()
    }

    /// In which part the hour is; what is ahead of the clock is in the last.
    pub fn part_of(self, hour: u64, now: Timestamp) -> Option<usize> {
        let hours = self.hours(now);
        if !hours.contains(&hour) {
            return None;
        }
        let part = usize::try_from((hour - hours.start) / self.part_hours()).ok()?;
        Some(part.min(self.parts() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_of_a_span_is_in_one_part() {
        let hour = 20_700 * 24 + 23;
        let now = Timestamp(hour * MS_PER_HOUR + 5);
        for (span, first) in [(Span::Days30, (20_700 - 29) * 24), (Span::Hours48, hour - 47)] {
            assert_eq!(span.hours(now), first..hour + 2);
            let starts = span.starts(now);
            assert_eq!((starts.len(), starts[0]), (span.parts(), Timestamp(first * MS_PER_HOUR)));
            assert!(starts[span.parts() - 1] <= now);
            assert_eq!(span.part_of(first - 1, now), None);
            assert_eq!(span.part_of(first, now), Some(0));
            assert_eq!(span.part_of(hour, now), Some(span.parts() - 1));
            assert_eq!(span.part_of(hour + 1, now), Some(span.parts() - 1));
            assert_eq!(span.part_of(hour + 2, now), None);
            assert_eq!(Span::from_name(span.name()), Some(span));
        }
        assert_eq!(Span::Days30.part_of((20_700 - 28) * 24 - 1, now), Some(0));
        assert_eq!(Span::Days30.part_of((20_700 - 28) * 24, now), Some(1));
        assert_eq!(Span::Hours48.part_of(hour - 1, now), Some(46));
    }
}
