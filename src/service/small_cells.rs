//! Numbers of events that are so small that they could say something of single people are not told.
//!
//! How many events there were is the advertiser's own, and always told. What splits them by what people are or chose (what
//! identifies them, on which ground they may be stored, whether they have seen an ad) is told only where each group has
//! enough of them in it, and enough outside it.

/// Who knows one of the people in a group learns about the others; of ten or more, nobody can tell who is who. It is what
/// statistical offices use for what is not sensitive, and what ad platforms report from.
pub const EVENTS_MIN: u64 = 10;

/// How many of `all` events are in each of some groups. An event may be in several, or in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split<const N: usize> {
    pub all: u64,
    pub groups: [u64; N],
}

/// What the splits of a table have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Each is of other events, so that their sum is of all of these.
    OfOtherEvents,
    /// All of them, and their sum, are of the same events.
    OfTheSameEvents,
}

impl<const N: usize> Split<N> {
    /// The groups; `None` if any of them is too small to be told.
    pub fn shown(&self) -> Option<[u64; N]> {
        self.is_safe().then_some(self.groups)
    }

    /// Nothing in a group says nothing of those who are not in it.
    fn is_safe(&self) -> bool {
        let is_safe = |&group: &u64| {
            let others = self.all.saturating_sub(group);
            group == 0 || (group >= EVENTS_MIN && (others == 0 || others >= EVENTS_MIN))
        };
        self.groups.iter().all(is_safe)
    }

    fn sum<'s>(splits: impl Iterator<Item = &'s Self>, rows: Rows) -> Self {
        splits.fold(Self { all: 0, groups: [0; N] }, |sum, split| Self {
            all: match rows {
                Rows::OfOtherEvents => sum.all + split.all,
                Rows::OfTheSameEvents => split.all,
            },
            groups: std::array::from_fn(|at| sum.groups[at] + split.groups[at]),
        })
    }
}

/// The groups of each split, where the sum of all splits may be told as well. What is hidden in some is what the others lack
/// to the sum: if that is too small itself, the smallest of the others are hidden with it.
pub fn shown_beside_sum<const N: usize>(splits: &[Split<N>], rows: Rows) -> Vec<Option<[u64; N]>> {
    let mut shown: Vec<bool> = splits.iter().map(Split::is_safe).collect();
    // A sum that is hidden gives nothing away.
    let gives_away = |shown: &[bool]| {
        let hidden = splits.iter().zip(shown).filter(|(_, shown)| !**shown);
        !Split::sum(hidden.map(|(split, _)| split), rows).is_safe()
    };
    if Split::sum(splits.iter(), rows).is_safe() {
        while gives_away(&shown) {
            let counted = |at: &usize| splits[*at].groups.iter().sum::<u64>();
            let others = (0..splits.len()).filter(|at| shown[*at] && counted(at) > 0);
            let Some(smallest) = others.min_by_key(counted) else { break };
            shown[smallest] = false;
        }
    }
    splits.iter().zip(shown).map(|(split, shown)| shown.then_some(split.groups)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<const N: usize>(all: u64, groups: [u64; N], is_shown: bool) {
        assert_eq!(Split { all, groups }.shown(), is_shown.then_some(groups), "{groups:?} of {all}");
    }

    #[test]
    fn a_group_is_told_if_ten_are_in_it_and_ten_are_not() {
        check(20, [10, 10], true);
        check(19, [9, 10], false);
        check(19, [10], false);
        check(20, [10], true);
        check(1_000, [991, 9], false);
        check(1_000, [500, 400, 90, 10], true);
        // In several groups, or in none.
        check(30, [20, 20, 12], true);
        check(30, [20, 25, 12], false);
    }

    #[test]
    fn nobody_and_everybody_can_be_told_but_not_of_a_few() {
        check(0, [0, 0], true);
        check(3, [0, 0], true);
        check(3, [3, 0], false);
        check(10, [10, 0], true);
        check(9, [9, 0], false);
    }

    #[track_caller]
    fn check_rows<const N: usize>(splits: &[(u64, [u64; N])], rows: Rows, expect: &[bool]) {
        let splits: Vec<_> = splits.iter().map(|&(all, groups)| Split { all, groups }).collect();
        let shown: Vec<_> = shown_beside_sum(&splits, rows).iter().map(Option::is_some).collect();
        assert_eq!(shown, expect, "{splits:?}");
    }

    #[test]
    fn what_is_hidden_cannot_be_had_from_the_sum() {
        use Rows::OfOtherEvents as Other;
        // One day's 3 are 103 less 100: the day with 100 is hidden, too.
        check_rows(&[(103, [3, 100]), (200, [100, 100])], Other, &[false, false]);
        check_rows(&[(103, [3, 100]), (200, [100, 100]), (40, [20, 20])], Other, &[false, true, false]);
        // Two days together have enough.
        check_rows(&[(100, [5, 95]), (100, [7, 93]), (200, [100, 100])], Other, &[false, false, true]);
        check_rows(&[(100, [50, 50]), (0, [0, 0]), (40, [20, 20])], Other, &[true, true, true]);
        // The sum is hidden itself.
        check_rows(&[(100, [3, 97]), (200, [0, 200])], Other, &[false, true]);
        check_rows::<2>(&[], Other, &[]);
    }

    #[test]
    fn splits_of_the_same_events_are_safe_together() {
        use Rows::OfTheSameEvents as Same;
        check_rows(&[(100, [20]), (100, [30])], Same, &[true, true]);
        check_rows(&[(100, [4]), (100, [30]), (100, [20])], Same, &[false, true, false]);
        check_rows(&[(100, [4]), (100, [8]), (100, [20])], Same, &[false, false, true]);
        check_rows(&[(100, [0]), (100, [0])], Same, &[true, true]);
    }

    #[test]
    fn no_table_gives_a_small_number_away() {
        // All tables of three days of up to 12 and 12 and some large ones.
        let sizes = [0, 1, 9, 10, 11, 40];
        for combination in 0..sizes.len().pow(6) {
            let pick = |at: u32| sizes[combination / sizes.len().pow(at) % sizes.len()];
            let day = |first, second| Split { all: first + second, groups: [first, second] };
            let days = [day(pick(0), pick(1)), day(pick(2), pick(3)), day(pick(4), pick(5))];
            let shown = shown_beside_sum(&days, Rows::OfOtherEvents);
            let hidden: Vec<_> = days.iter().zip(&shown).filter(|(_, shown)| shown.is_none()).collect();
            let rest = Split::sum(hidden.iter().map(|(day, _)| *day), Rows::OfOtherEvents);
            if Split::sum(days.iter(), Rows::OfOtherEvents).is_safe() {
                assert!(rest.is_safe(), "{days:?} {shown:?}");
            }
            assert!(days.iter().zip(&shown).all(|(day, shown)| shown.is_none() || day.is_safe()));
        }
    }
}
