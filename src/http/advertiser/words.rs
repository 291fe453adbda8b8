//! What the page and its files call things.

use crate::consent::evidence::Basis;
use crate::domain::attribution::CreditKey;
use crate::domain::money::Currency;
use crate::http::figures::{moment, number};
use crate::service::advertiser_report::{LineItemReport, Tag};
use crate::service::advertiser_warnings::WarningKind;
use crate::service::report_span::Span;

/// What an event tag is called.
pub(super) fn tag_name(tag: &Tag) -> String {
    match (&tag.name, tag.id) {
        (Some(name), _) => name.clone(),
        (None, None) => "Page views without an event tag".to_owned(),
        (None, Some(_)) => "An event tag that was deleted".to_owned(),
    }
}

/// As tags on pages name it: `tw-o8z6j-o87ne`, or the pixel alone.
pub(super) fn tag_id(tag: &Tag) -> String {
    match tag.id {
        Some(id) => format!("tw-{}-{id}", tag.pixel_id),
        None => tag.pixel_id.to_string(),
    }
}

pub(super) fn campaign_name(item: &LineItemReport) -> String {
    item.campaign.clone().unwrap_or_else(|| format!("A campaign that is gone ({})", item.campaign_id))
}

pub(super) fn line_item_name(item: &LineItemReport) -> String {
    item.name.clone().unwrap_or_else(|| format!("A line item that is gone ({})", item.id))
}

pub(super) const fn key_name(key: CreditKey) -> &'static str {
    match key {
        CreditKey::ClickId => "Click id",
        CreditKey::BrowserId => "Browser id",
        CreditKey::HashedEmail => "Hashed e-mail",
        CreditKey::HashedPhone => "Hashed phone",
    }
}

pub(super) const fn basis_name(basis: Basis) -> &'static str {
    match basis {
        Basis::NotRequired => "None needed",
        Basis::NotOptedOut => "Not opted out",
        Basis::Default => "Default",
        Basis::Consent => "Consent",
        Basis::LegitimateInterest => "Legitimate interest",
        Basis::WithoutIdentifiers => "Without identifiers",
    }
}

pub(super) const fn span_name(span: Span) -> &'static str {
    match span {
        Span::Days30 => "Last 30 days, by day",
        Span::Hours48 => "Last 48 hours, by hour",
    }
}

pub(super) const fn span_words(span: Span) -> &'static str {
    match span {
        Span::Days30 => "in the last 30 days",
        Span::Hours48 => "in the last 48 hours",
    }
}

/// What is wrong, what to do, and an example.
pub(super) fn warning(kind: &WarningKind) -> (String, &'static str, String) {
    match kind {
        WarningKind::ForeignOrigin { events, origin } => (
            format!("{} from pages that the pixel does not list", events_in_words(*events)),
            "If the site is yours, have its origin added to the pixel; if not, somebody has copied your tag.",
            origin
                .as_deref()
                .map_or_else(|| "The page did not say".to_owned(), |origin| format!("From {origin}")),
        ),
        WarningKind::NoValue { events, latest } => (
            format!("None of {} has a value", events_in_words(*events)),
            "Send value and currency with the purchase, or what your ads earn cannot be told.",
            format!("The latest came in at {}", moment(*latest)),
        ),
        WarningKind::FewMatchKeys { events } => (
            format!("Over half of {} have nothing that an ad can be found by", events_in_words(*events)),
            "Send the click id, or the hashed e-mail address or phone number, with each event.",
            "Without a match key no event can be credited to an ad".to_owned(),
        ),
        WarningKind::Silent { days, latest } => (
            format!("Nothing received for {days} days"),
            "Is the tag still on the page, and does your server still send?",
            format!("The last came in at {}", moment(*latest)),
        ),
    }
}

fn events_in_words(events: u64) -> String {
    if events == 1 { "1 event".to_owned() } else { format!("{} events", number(events)) }
}

/// `1,234.50 EUR`, `7.125 EUR`
pub(super) fn amount((currency, micros): (Currency, i128)) -> String {
    let (units, rest) = (micros / MICROS, micros % MICROS);
    let decimals = format!("{rest:06}");
    let decimals = decimals.trim_end_matches('0');
    let units = u64::try_from(units).map_or_else(|_| units.to_string(), number);
    format!("{units}.{decimals:0<2} {}", currency)
}

/// `1234.5`, for programs.
pub(super) fn plain_amount(micros: i128) -> String {
    let text = format!("{}.{:06}", micros / MICROS, micros % MICROS);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const MICROS: i128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals_or_as_many_as_they_need() {
        let euro = Currency::parse("EUR").expect("a currency");
        for (micros, people, program) in [
            (0, "0.00 EUR", "0"),
            (1_234_500_000, "1,234.50 EUR", "1234.5"),
            (7_125_000, "7.125 EUR", "7.125"),
            (1, "0.000001 EUR", "0.000001"),
            (100_000_000, "100.00 EUR", "100"),
        ] {
            assert_eq!((&*amount((euro, micros)), &*plain_amount(micros)), (people, program));
        }
    }
}
