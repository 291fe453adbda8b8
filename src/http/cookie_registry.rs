//! Every cookie that we may set. What sets one takes its row of this table, so that no other can be set; what we
//! publish about our cookies is made from the same rows.

use std::borrow::Cow;

use crate::domain::time::MS_PER_DAY;
use crate::service::advertiser_session::SESSION_MINUTES_MAX;
use crate::service::live::Live;

/// One row. Only this module can make one.
#[derive(Debug)]
pub struct Registered {
    name: Name,
    lasts: Lasts,
    /// Out of reach of scripts.
    pub http_only: bool,
    pub sent: Sent,
    pub jars: Jars,
    /// Whether two browsers have two values.
    pub identifies: bool,
    /// Whether it is set again, for its whole life, wherever it is seen.
    pub is_refreshed: bool,
    /// Whether it says that somebody does not want something.
    pub is_opt_out: bool,
    /// Numbers of the TCF's purposes that it serves; with purpose 1 where it needs consent.
    pub purposes: &'static [u8],
    /// What it is for, for people.
    pub description: &'static str,
}

/// With which requests browsers send a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Also with those of other sites' pages, or else it would work on our own pages only.
    FromEverywhere,
    /// With those of our own pages alone.
    FromOurPages,
}

/// Where browsers keep a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jars {
    /// One that all sites share.
    Shared,
    /// One for each site.
    Partitioned,
    Both,
}

#[derive(Debug)]
enum Name {
    /// What the configuration says, and this behind it.
    Configured {
        suffix: &'static str,
    },
    Fixed(&'static str),
}

#[derive(Debug)]
enum Lasts {
    Configured,
    Seconds(u64),
}

impl Registered {
    pub fn name<'l>(&self, live: &'l Live) -> Cow<'l, str> {
        self.name_with(&live.cookie_name)
    }

    /// The same, where the browser id's cookie is called `configured`.
    pub fn name_with<'c>(&self, configured: &'c str) -> Cow<'c, str> {
        match self.name {
            Name::Configured { suffix: "" } => Cow::Borrowed(configured),
            Name::Configured { suffix } => Cow::Owned(format!("{configured}{suffix}")),
            Name::Fixed(name) => Cow::Borrowed(name),
        }
    }

    /// How many seconds it lives when it is set for the first time.
    pub const fn seconds(&self, live: &Live) -> u64 {
        match self.lasts {
            Lasts::Configured => live.identity.age_days_max() as u64 * S_PER_DAY,
            Lasts::Seconds(seconds) => seconds,
        }
    }
}

/// All of them. Whatever sets a cookie names one of these.
pub const COOKIES: [&Registered; 5] = [&BROWSER_ID, &BROWSER_ID_TWIN, &OPT_OUT, &PREFS, &ADVERTISER];

pub const BROWSER_ID: Registered = Registered {
    name: Name::Configured { suffix: "" },
    lasts: Lasts::Configured,
    http_only: true,
    sent: Sent::FromEverywhere,
    jars: Jars::Shared,
    identifies: true,
    is_refreshed: false,
    is_opt_out: false,
    purposes: &[1, 7],
    description: "A random number by which visits of one browser are recognised as one visitor's",
};

pub const BROWSER_ID_TWIN: Registered = Registered {
    name: Name::Configured { suffix: TWIN_SUFFIX },
    jars: Jars::Partitioned,
    description: "The same where the browser keeps cookies apart for each site: it is recognised within that site only",
    ..BROWSER_ID
};

pub const OPT_OUT: Registered = Registered {
    name: Name::Fixed(crate::consent::signals::OPT_OUT_COOKIE),
    lasts: Lasts::Seconds(OPT_OUT_DAYS * S_PER_DAY),
    http_only: false,
    sent: Sent::FromEverywhere,
    jars: Jars::Both,
    identifies: false,
    is_refreshed: true,
    is_opt_out: true,
    purposes: &[],
    description: "Says that nothing about this browser is to be stored; the same for everybody who opted out",
};

pub const PREFS: Registered = Registered {
    name: Name::Fixed(crate::consent::signals::PREFS_COOKIE),
    description: "Which of the four settings on the privacy page are off; the same for everybody who chose the same",
    ..OPT_OUT
};

/// Visitors never get it. It is listed with the others because the list is of all that we keep in browsers.
pub const ADVERTISER: Registered = Registered {
    name: Name::Fixed("__Host-pg-advertiser"),
    lasts: Lasts::Seconds(SESSION_MINUTES_MAX * 60),
    http_only: true,
    sent: Sent::FromOurPages,
    jars: Jars::Shared,
    identifies: true,
    is_refreshed: false,
    is_opt_out: false,
    purposes: &[],
    description: "Keeps an advertiser who has signed in to the advertiser's page signed in; visitors of other pages never get it",
};

/// What the partitioned twin of the browser id's cookie has behind its name.
pub const TWIN_SUFFIX: &str = "-p";

/// As long as browsers keep a cookie at all (RFC 6265bis, section 5.5). WebChoices asks for five years, which no
/// browser gives: instead the cookie is set again at each sight.
const OPT_OUT_DAYS: u64 = 400;

pub const S_PER_DAY: u64 = MS_PER_DAY / 1_000;
