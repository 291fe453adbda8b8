//! What `/privacy` shows.

use askama::Template;
use jiff::tz::TimeZone;

use super::pages::Frame;
use super::pages::texts::Texts;
use super::privacy::SETTING_NAMES;
use super::request::Head;
use super::visitor;
use crate::consent::prefs::{Prefs, Setting};
use crate::domain::money::Money;
use crate::domain::opt_out::Choice;
use crate::domain::time::Timestamp;
use crate::domain::touch::TouchKind;
use crate::service::privacy::{LookupError, Newest, RowAbout, What};
use crate::service::receipt::Receipt;
use crate::service::targeting::TargetedBy;

#[derive(Template)]
#[template(path = "privacy.html", config = "static/pages/askama.toml")]
pub(super) struct Page {
    pub(super) frame: Frame,
    pub(super) t: &'static Texts,
    pub(super) done: Option<Done>,
    pub(super) token: String,
    /// By its cookie, or by what is kept on our side about an id that it shows.
    pub(super) opted_out: bool,
    pub(super) gpc: bool,
    pub(super) dnt: bool,
    pub(super) prefs: Prefs,
    /// Whether it shows an id here that it has shown on another site.
    pub(super) everywhere: bool,
    pub(super) has_id: bool,
    /// For the choice that led here.
    pub(super) receipt: Option<Receipt>,
    pub(super) data: Data,
    /// That partners have put it into.
    pub(super) audiences: Vec<TargetedBy>,
}

impl Page {
    const fn personalize_off(&self) -> bool {
        self.prefs.is_off(Setting::Personalize)
    }

    /// Whether the browser itself says no, on every site.
    const fn signalled(&self) -> bool {
        self.gpc || self.dnt
    }

    fn settings(&self) -> impl Iterator<Item = SettingRow> {
        let texts = self.t.settings.each.iter().zip(SETTING_NAMES);
        Setting::ALL.into_iter().zip(texts).map(|(setting, (&(label, text), name))| SettingRow {
            name,
            label,
            text,
            on: !self.prefs.is_off(setting),
        })
    }
}

struct SettingRow {
    name: &'static str,
    label: &'static str,
    text: &'static str,
    on: bool,
}

/// What a form that led back here did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Saved,
    OptedOut,
    OptedIn,
    Erased,
}

impl Done {
    /// What the address says. Shown only with what the cookies say, which is the truth.
    pub(super) fn of(head: &Head<'_>) -> Option<Self> {
        let done = visitor::parameters(head).find(|(name, _)| name == "done")?.1;
        [Self::Saved, Self::OptedOut, Self::OptedIn, Self::Erased]
            .into_iter()
            .find(|known| known.name() == done)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::OptedOut => "opted-out",
            Self::OptedIn => "opted-in",
            Self::Erased => "erased",
        }
    }

    const fn text(self, t: &Texts) -> &'static str {
        match self {
            Self::Saved => t.privacy.saved,
            Self::OptedOut => t.privacy.opted_out,
            Self::OptedIn => t.privacy.opted_in,
            Self::Erased => t.privacy.erased,
        }
    }
}

/// What is stored, or why it is not shown.
pub(super) enum Data {
    NoId,
    Busy,
    Unreadable,
    Rows { rows: Vec<RowTexts>, complete: bool },
}

/// One row in words.
pub(super) struct RowTexts {
    /// RFC 3339.
    at: String,
    when: String,
    what: &'static str,
    site: String,
    amount: String,
    why: &'static str,
}

impl Data {
    pub(super) fn of(found: Result<Newest, LookupError>, t: &Texts) -> Self {
        match found {
            Ok(Newest { rows, complete }) => {
                Self::Rows { rows: rows.into_iter().map(|row| RowTexts::of(row, t)).collect(), complete }
            }
            Err(LookupError::Busy) => Self::Busy,
            Err(LookupError::Unreadable) => Self::Unreadable,
        }
    }
}

impl RowTexts {
    fn of(row: RowAbout, t: &Texts) -> Self {
        Self {
            at: row.at.to_string(),
            when: when(row.at, t),
            what: match row.what {
                What::Event(event) => t.events.of(event),
                What::Embed => t.data.embed,
                What::Match => t.data.matched,
                What::Unmatch => t.data.unmatched,
                What::Touch(TouchKind::View) => t.data.ad_view,
                What::Touch(TouchKind::Click) => t.data.ad_click,
                What::OptOut(Choice::Out) => t.data.opted_out,
                What::OptOut(Choice::In) => t.data.opted_in,
            },
            site: row.site.unwrap_or_default(),
            amount: row.amount.map(|money| amount(money, t)).unwrap_or_default(),
            why: t.why.of(row.basis),
        }
    }
}

/// `22 Nov 2026, 09:41`, in UTC.
fn when(at: Timestamp, t: &Texts) -> String {
    let at = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let at = TimeZone::UTC.to_datetime(at.unwrap_or_default());
    let month = usize::try_from(at.month() - 1).ok().and_then(|month| t.months.get(month));
    let (day, mark, month) = (at.day(), t.day_mark, month.copied().unwrap_or_default());
    format!("{day}{mark} {month} {}, {:02}:{:02}", at.year(), at.hour(), at.minute())
}

/// `12.50 USD`; as many decimals as there are, two at least where there are any.
fn amount(money: Money, t: &Texts) -> String {
    let (units, micros) = (money.micros() / 1_000_000, money.micros().unsigned_abs() % 1_000_000);
    let currency = money.currency();
    if micros == 0 {
        return format!("{units} {currency}");
    }
    let decimals = format!("{micros:06}");
    let decimals = decimals.trim_end_matches('0');
    format!("{units}{}{decimals:0<2} {currency}", t.decimal_mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;
    use crate::http::pages::language::Language;

    #[test]
    fn times_and_amounts_are_written_as_the_language_has_them() {
        let at = Timestamp(1_795_316_645_678);
        let written = Language::ALL.map(|language| {
            let t = language.texts();
            let money = |micros| amount(Money::from_micros(micros, Currency::USD), t);
            format!("{} {} {}", when(at, t), money(12_500_000), money(7_000_000))
        });
        let expect = [
            "22 Nov 2026, 03:04 12.50 USD 7 USD",
            "22. Nov. 2026, 03:04 12,50 USD 7 USD",
            "22 nov. 2026, 03:04 12,50 USD 7 USD",
            "22 nov 2026, 03:04 12,50 USD 7 USD",
        ];
        assert_eq!(written, expect);
        let t = Language::English.texts();
        assert_eq!(amount(Money::from_micros(1, Currency::USD), t), "0.000001 USD");
        assert_eq!(amount(Money::from_micros(36_900_500, Currency::USD), t), "36.9005 USD");
    }
}
