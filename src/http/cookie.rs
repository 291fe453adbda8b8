//! Cookies, read and written. The only module that names `Set-Cookie`.

use cookie::{Cookie, SameSite};
use smallvec::SmallVec;

use super::cookie_registry::{
    ADVERTISER, BROWSER_ID, BROWSER_ID_TWIN, Jars, OPT_OUT, PREFS, Registered, S_PER_DAY, Sent, TWIN_SUFFIX,
};
use super::request::Head;
use super::response::Answer;
use crate::consent::gate::Permitted;
use crate::consent::prefs::{Prefs, Setting};
use crate::consent::regulated::BrowserCookie;
use crate::consent::signals::{PREFS_COOKIE, Signals};
use crate::domain::id::BrowserId;
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::time::Timestamp;
use crate::service::hit::Browser;
use crate::service::identity::Known;
use crate::service::live::Live;

/// What the request's cookies hold.
#[derive(Debug, Default)]
pub struct Jar {
    /// From the cookie that all sites share.
    shared: SmallVec<[Known; 1]>,
    /// From its partitioned twin, which only one site sees.
    partitioned: SmallVec<[Known; 1]>,
}

impl Jar {
    /// Reads all cookies of the request; what they say about consent goes to `signals`.
    pub fn read(head: &Head<'_>, live: &Live, now: Timestamp, signals: &mut Signals<'_>) -> Self {
        let mut jar = Self::default();
        for (name, value) in pairs(head) {
            if name == live.cookie_name {
                keep_different(&mut jar.shared, live.identity.verify(value, now));
            } else if is_twin(name, &live.cookie_name) {
                keep_different(&mut jar.partitioned, live.identity.verify(value, now));
            } else {
                signals.see_cookie(name, value);
            }
        }
        jar
    }

    /// The shared id before the partitioned one; two different ones of the same name are none.
    pub fn browser(&self) -> Browser {
        match (&*self.shared, &*self.partitioned) {
            ([_, _, ..], _) | ([], [_, _, ..]) => Browser::Ambiguous,
            ([known], _) | ([], [known]) => Browser::Known(*known),
            ([], []) => Browser::New,
        }
    }

    /// Whether it shows an id that is not kept apart for one site, unless the browser keeps all cookies apart.
    pub fn is_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// The gate asks about the one id that is used; an opt-out of any other counts, too.
    pub fn note_opt_outs(&self, signals: &mut Signals<'_>, opt_outs: &dyn OptOutView) {
        if self.shared.len() + self.partitioned.len() > 1 && self.is_opted_out(opt_outs) {
            signals.mark_opted_out_id();
        }
    }

    /// Whether any of the ids has opted out.
    pub fn is_opted_out(&self, opt_outs: &dyn OptOutView) -> bool {
        let mut ids = self.shared.iter().chain(&self.partitioned).map(|known| known.cookie.browser_id);
        ids.any(|id| opt_outs.is_opted_out(Subject::Browser(id)))
    }

    /// Every valid id that the request shows.
    pub fn browser_ids(&self) -> Vec<BrowserId> {
        self.shared.iter().chain(&self.partitioned).map(|known| known.cookie.browser_id).collect()
    }
}

/// Whether the browser shows the mark of those who opted out.
pub fn shows_opt_out(head: &Head<'_>) -> bool {
    let mut signals = Signals::default();
    pairs(head).for_each(|(name, value)| signals.see_cookie(name, value));
    signals.is_opted_out()
}

/// All cookies of all `Cookie` headers.
fn pairs<'b>(head: &Head<'b>) -> impl Iterator<Item = (&'b str, &'b str)> {
    let texts = head.headers_named("cookie").filter_map(|value| std::str::from_utf8(value).ok());
    texts.flat_map(|text| Pairs { rest: text })
}

/// The pairs of one header. Names are short: looking at each of their bytes beats setting a search up.
struct Pairs<'b> {
    rest: &'b str,
}

impl<'b> Iterator for Pairs<'b> {
    type Item = (&'b str, &'b str);

    fn next(&mut self) -> Option<(&'b str, &'b str)> {
        while !self.rest.is_empty() {
            let bytes = self.rest.as_bytes();
            let end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
            let equals = bytes[..end].iter().position(|&byte| byte == b'=');
            let (pair, rest) = (&self.rest[..end], self.rest.get(end + 1..).unwrap_or_default());
            self.rest = rest;
            if let Some(equals) = equals {
                return Some((pair[..equals].trim_ascii(), unquoted(pair[equals + 1..].trim_ascii())));
            }
        }
        None
    }
}

/// Without the quotes that RFC 6265 allows around a value.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

fn keep_different(ids: &mut SmallVec<[Known; 1]>, found: Option<Known>) {
    ids.extend(
        found.filter(|found| ids.iter().all(|known| known.cookie.browser_id != found.cookie.browser_id)),
    );
}

fn is_twin(name: &str, shared: &str) -> bool {
    name.strip_suffix(TWIN_SUFFIX) == Some(shared)
}

/// Whether the browser keeps the cookies of this request apart for each site, as far as it says.
pub fn is_partitioned(head: &Head<'_>) -> bool {
    matches!(head.header("sec-fetch-storage-access"), Some("none" | "inactive"))
}

/// Gives the browser its id, in the jar that works for it.
pub fn give_id(
    answer: Answer,
    cookie: &Permitted<BrowserCookie>,
    live: &Live,
    partitioned: bool,
    now: Timestamp,
) -> Answer {
    let row = if partitioned { &BROWSER_ID_TWIN } else { &BROWSER_ID };
    let days = live.identity.days_left(*cookie.value(), now);
    set(answer, row, live, &live.identity.sign(cookie), u64::from(days) * S_PER_DAY)
}

/// Takes the id back, in both jars.
pub fn expire_id(answer: Answer, live: &Live) -> Answer {
    [&BROWSER_ID, &BROWSER_ID_TWIN].into_iter().fold(answer, |answer, row| set(answer, row, live, "", 0))
}

/// Marks the browser as opted out, in both jars, unless the answer does so already. The value is the same for everyone.
pub fn mark_opted_out(answer: Answer, live: &Live) -> Answer {
    let is_this =
        |line: &str| line.strip_prefix(&*OPT_OUT.name(live)).is_some_and(|rest| rest.starts_with('='));
    if answer.headers.iter().any(|(name, line)| *name == SET_COOKIE && is_this(line)) {
        return answer;
    }
    set(answer, &OPT_OUT, live, "1", OPT_OUT.seconds(live))
}

/// Removes that mark, in both jars.
pub fn unmark_opted_out(answer: Answer, live: &Live) -> Answer {
    set(answer, &OPT_OUT, live, "", 0)
}

/// The settings that the request's cookies hold, the stricter ones of several; `None` without such a cookie. One that
/// cannot be read is all off, as the gate reads it.
pub fn prefs(head: &Head<'_>) -> Option<Prefs> {
    let all_off = || Setting::ALL.into_iter().fold(Prefs::default(), Prefs::without);
    let held = pairs(head).filter(|(name, _)| *name == PREFS_COOKIE);
    held.map(|(_, value)| Prefs::parse(value).unwrap_or_else(|_| all_off())).reduce(Prefs::stricter)
}

/// Keeps the settings in the browser, in both jars; where all are on, nothing is kept. The value is the same for
/// everyone with these settings.
pub fn keep_prefs(answer: Answer, prefs: Prefs, live: &Live) -> Answer {
    match prefs == Prefs::default() {
        true => set(answer, &PREFS, live, "", 0),
        false => set(answer, &PREFS, live, &prefs.to_string(), PREFS.seconds(live)),
    }
}

/// The session that the browser of an advertiser shows.
pub fn advertiser_session<'b>(head: &Head<'b>, live: &Live) -> Option<&'b str> {
    pairs(head).find(|(name, _)| *name == ADVERTISER.name(live)).map(|(_, value)| value)
}

/// Keeps the session of an advertiser who has signed in.
pub fn keep_advertiser_session(answer: Answer, live: &Live, session: &str) -> Answer {
    set(answer, &ADVERTISER, live, session, ADVERTISER.seconds(live))
}

/// Takes it back.
pub fn end_advertiser_session(answer: Answer, live: &Live) -> Answer {
    set(answer, &ADVERTISER, live, "", 0)
}

/// Sets a cookie for `max_age_s`; 0 removes it.
fn set(answer: Answer, row: &Registered, live: &Live, value: &str, max_age_s: u64) -> Answer {
    let jars: &[bool] = match row.jars {
        Jars::Shared => &[false],
        Jars::Partitioned => &[true],
        Jars::Both => &[false, true],
    };
    let same_site = match row.sent {
        Sent::FromEverywhere => SameSite::None,
        Sent::FromOurPages => SameSite::Strict,
    };
    let name = row.name(live);
    let line = |partitioned: bool| {
        let cookie = Cookie::build((&*name, value))
            .path("/")
            .secure(true)
            .http_only(row.http_only)
            .same_site(same_site)
            .max_age(cookie::time::Duration::seconds(i64::try_from(max_age_s).unwrap_or(i64::MAX)))
            .partitioned(partitioned);
        cookie.build().to_string()
    };
    jars.iter().fold(answer, |answer, &partitioned| answer.with(SET_COOKIE, line(partitioned)))
}

const SET_COOKIE: &str = "Set-Cookie";
