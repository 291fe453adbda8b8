//! Who sends the requests, in percent.

use std::fmt;
use std::str::FromStr;

use crate::client::hit::What;
use crate::random::Random;

/// A kind of browser, by what it sends along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Browser {
    /// No cookies: seen for the first time.
    Fresh,
    /// Sends back the signed cookie that it got before.
    Returning,
    /// Carries the opt-out cookie.
    OptedOut,
    /// Has Global Privacy Control switched on.
    Gpc,
    /// Fetches ahead; nobody has seen the page.
    Prefetch,
}

impl Browser {
    pub(crate) const ALL: [Self; 5] =
        [Self::Fresh, Self::Returning, Self::OptedOut, Self::Gpc, Self::Prefetch];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Returning => "returning",
            Self::OptedOut => "opted-out",
            Self::Gpc => "gpc",
            Self::Prefetch => "prefetch",
        }
    }

    /// Header lines that this kind adds.
    pub(crate) const fn extra(self) -> &'static str {
        match self {
            Self::Gpc => "Sec-GPC: 1\r\n",
            Self::Prefetch => "Sec-Purpose: prefetch;prerender\r\n",
            Self::Fresh | Self::Returning | Self::OptedOut => "",
        }
    }
}

/// Shares of the kinds of browsers, and of conversions among all hits, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix {
    shares: [u8; Browser::ALL.len()],
    conversions: u8,
    /// What all the others ask for.
    rest: What,
}

impl Mix {
    /// Only `browser`, and only one kind of request.
    pub(crate) const fn only(browser: Browser, what: What) -> Self {
        let mut shares = [0; Browser::ALL.len()];
        shares[browser as usize] = 100;
        Self { shares, conversions: 0, rest: what }
    }

    pub(crate) const fn with_conversions(mut self, percent: u8) -> Self {
        self.conversions = percent;
        self
    }

    pub(crate) fn browser(&self, random: &mut Random) -> Browser {
        let mut at = random.below(100) as u8;
        for browser in Browser::ALL {
            let share = self.shares[browser as usize];
            if at < share {
                return browser;
            }
            at -= share;
        }
        Browser::Prefetch
    }

    pub(crate) const fn what(&self, random: &mut Random) -> What {
        if random.below(100) < self.conversions as u64 { What::Conversion } else { self.rest }
    }
}

/// Why a text is no mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidMix {
    Part(String),
    Sum(u32),
}

impl fmt::Display for InvalidMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => {
                let names = Browser::ALL.map(Browser::name).join(", ");
                write!(f, "'{part}' is not NAME=PERCENT with a name out of {names}")
            }
            Self::Sum(sum) => write!(f, "the shares add up to {sum} instead of 100"),
        }
    }
}

impl std::error::Error for InvalidMix {}

impl FromStr for Mix {
    type Err = InvalidMix;

    fn from_str(text: &str) -> Result<Self, InvalidMix> {
        let mut shares = [0; Browser::ALL.len()];
        for part in text.split(',') {
            let invalid = || InvalidMix::Part(part.to_owned());
            let (name, percent) = part.split_once('=').ok_or_else(invalid)?;
            let browser =
                Browser::ALL.into_iter().find(|browser| browser.name() == name.trim()).ok_or_else(invalid)?;
            shares[browser as usize] = percent.trim().parse().map_err(|_| invalid())?;
        }
        match shares.iter().map(|&share| u32::from(share)).sum() {
            100 => Ok(Self { shares, conversions: 0, rest: What::PageView }),
            sum => Err(InvalidMix::Sum(sum)),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for browser in Browser::ALL {
            write!(f, "{} {} %, ", browser.name(), self.shares[browser as usize])?;
        }
        write!(f, "conversions {} % of the hits", self.conversions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, InvalidMix>) {
        assert_eq!(text.parse::<Mix>().map(|mix| mix.to_string()), expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn shares_add_up_to_100() {
        let all =
            "fresh 0 %, returning 90 %, opted-out 0 %, gpc 10 %, prefetch 0 %, conversions 0 % of the hits";
        check("returning=90,gpc=10", Ok(all));
        check("returning=90", Err(InvalidMix::Sum(90)));
        check("fresh=200,gpc=100", Err(InvalidMix::Sum(300)));
        check("fresh=300", Err(InvalidMix::Part("fresh=300".into())));
        check("robots=100", Err(InvalidMix::Part("robots=100".into())));
        check("", Err(InvalidMix::Part(String::new())));
    }

    #[test]
    fn browsers_come_in_their_shares() {
        let mix: Mix = "fresh=20,returning=75,prefetch=5".parse().unwrap();
        let mut random = Random::new(5);
        let mut seen = [0_u32; 5];
        (0..100_000).for_each(|_| seen[mix.browser(&mut random) as usize] += 1);
        for (seen, expect) in seen.into_iter().zip([20_000, 75_000, 0, 0, 5_000]) {
            assert!(seen.abs_diff(expect) < 1000, "{seen} instead of {expect}");
        }
    }
}
