//! A query becomes a [`PixelHit`]. Knows every generation of tags: the noscript image, oct.js, uwt.js 1.1 to 2.4.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::Head;
use super::visitor::decode;
use crate::service::hit::{EventDetails, HitEvent, PixelHit};
use crate::service::json::is_shallow;

/// Reads the parameters that make a hit. Unknown ones are ignored; so is what would only serve to recognize a
/// browser by its traits (`dv`, `pt`, `tw_ch_fvl`). Of a repeated parameter the first one counts.
pub struct Reader<'q> {
    hit: PixelHit<'q>,
    frame: Frame<'q>,
}

impl<'q> Reader<'q> {
    pub fn new() -> Self {
        Self { hit: PixelHit { events: Some(Vec::new()), ..PixelHit::default() }, frame: Frame::default() }
    }

    /// `raw` is the value as it stands in the query.
    pub fn see(&mut self, name: &str, raw: &'q str) {
        take(&mut self.hit, &mut self.frame, name, raw);
    }

    /// The hit, once all parameters were seen.
    pub fn finish(mut self, head: &Head<'q>) -> PixelHit<'q> {
        let said = self.frame.page(self.hit.page.take());
        self.hit.page = said.or_else(|| head.header("referer").map(Cow::Borrowed));
        self.hit
    }
}

impl Default for Reader<'_> {
    fn default() -> Self {
        Self::new()
    }
}

fn take<'q>(hit: &mut PixelHit<'q>, frame: &mut Frame<'q>, name: &str, raw: &'q str) {
    let (common, value) = (&mut hit.common, || decode(raw));
    match name {
        "txn_id" => first(&mut hit.txn_id, raw),
        "p_id" if value().eq_ignore_ascii_case("twitter") => {}
        "p_id" => first(&mut hit.partner, raw),
        "events" => hit.events = merge(hit.events.take(), raw, parse_events),
        "event" => hit.events = merge(hit.events.take(), raw, parse_event),
        "event_id" => first(&mut hit.event_id, raw),
        // The base code sends 0 where it has nothing to say.
        "tw_sale_amount" | "value" if is_zero(raw) => {}
        "tw_sale_amount" | "value" => first(&mut common.value, raw),
        "tw_order_quantity" => first(&mut common.quantity, raw),
        "currency" => first(&mut common.currency, raw),
        "conversion_id" => first(&mut common.conversion_id, raw),
        "email_address" => first(&mut common.hashed_email, raw),
        "phone_number" => first(&mut common.hashed_phone, raw),
        "twclid" => first(&mut hit.click_id, raw),
        "tw_document_href" => first(&mut hit.page, raw),
        "tw_document_referrer" => first(&mut frame.referrer, raw),
        "tw_iframe_status" => frame.inside |= !matches!(&*value(), "" | "0"),
        "restricted_data_use" => hit.restricted_data_use |= !matches!(&*value(), "" | "0" | "off" | "false"),
        _ => {}
    }
}

/// Of a repeated parameter the first one counts that is not empty.
fn first<'q>(field: &mut Option<Cow<'q, str>>, raw: &'q str) {
    if field.is_none() {
        *field = Some(decode(raw)).filter(|value| !value.trim().is_empty());
    }
}

fn is_zero(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// Where the tag ran. Inside a frame its own address is the frame's, and the page's is the referrer.
#[derive(Default)]
struct Frame<'q> {
    inside: bool,
    referrer: Option<Cow<'q, str>>,
}

impl<'q> Frame<'q> {
    fn page(self, own: Option<Cow<'q, str>>) -> Option<Cow<'q, str>> {
        if self.inside { self.referrer.or(own) } else { own }
    }
}

type Events<'q> = Option<Vec<HitEvent<'q>>>;

fn merge<'q>(known: Events<'q>, raw: &str, parse: fn(&str) -> Events<'static>) -> Events<'q> {
    let (mut events, text) = (known?, decode(raw));
    if !text.trim().is_empty() {
        events.extend(parse(&text)?);
    }
    Some(events)
}

/// `[["name", {…} | null], …]`; `None` if it is anything else.
fn parse_events(text: &str) -> Option<Vec<HitEvent<'static>>> {
    if !is_shallow(text) {
        return None;
    }
    let events: Vec<(String, Option<Details>)> = serde_json::from_str(text).ok()?;
    let events = events.into_iter().map(|(name, details)| HitEvent {
        name: Some(Cow::Owned(name)),
        details: details.unwrap_or_default().into(),
    });
    Some(events.collect())
}

/// `{…}`: the details of the event that `txn_id` names; `None` if it is anything else.
fn parse_event(text: &str) -> Option<Vec<HitEvent<'static>>> {
    // Derived readers take a list of values for an object, too.
    if !is_shallow(text) || !text.trim_start().starts_with('{') {
        return None;
    }
    let details: Details = serde_json::from_str(text).ok()?;
    Some(vec![HitEvent { name: None, details: details.into() }])
}

/// What tags call the details of an event, in all their spellings.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    value: Scalar,
    currency: Scalar,
    #[serde(alias = "number_items")]
    num_items: Scalar,
    #[serde(alias = "order_id")]
    conversion_id: Scalar,
    email_address: Scalar,
    phone_number: Scalar,
}

impl From<Details> for EventDetails<'static> {
    fn from(details: Details) -> Self {
        let text = |Scalar(text): Scalar| text.map(Cow::Owned);
        Self {
            value: text(details.value),
            currency: text(details.currency),
            quantity: text(details.num_items),
            conversion_id: text(details.conversion_id),
            hashed_email: text(details.email_address),
            hashed_phone: text(details.phone_number),
        }
    }
}

/// A JSON text or number as text: money must not pass through floating point. `null`, `""` and what is no scalar
/// at all but harmless (`true`) count as absent.
#[derive(Default)]
struct Scalar(Option<String>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim();
        let text = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_err(serde::de::Error::custom)?,
            Some(b'-' | b'0'..=b'9') => text.to_owned(),
            _ => String::new(),
        };
        Ok(Self((!text.trim().is_empty()).then_some(text)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::http::visitor::parameters;

    fn hit(query: &str) -> PixelHit<'_> {
        let head = Head {
            method: "GET",
            path: "/i/adsct",
            query,
            headers: &[("Referer", b"https://shop.example/from")],
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            via_trusted_proxy: false,
        };
        let mut reader = Reader::new();
        parameters(&head).for_each(|(name, value)| reader.see(&name, value));
        reader.finish(&head)
    }

    fn text(field: &Option<Cow<'_, str>>) -> Option<String> {
        field.as_deref().map(str::to_owned)
    }

    #[test]
    fn the_noscript_image_says_whose_pixel_it_is_and_no_more() {
        let hit = hit("txn_id=o8z6j&p_id=Twitter&tw_sale_amount=0&tw_order_quantity=0");
        assert_eq!(text(&hit.txn_id).as_deref(), Some("o8z6j"));
        assert_eq!((hit.partner, hit.common.value), (None, None));
        assert_eq!(text(&hit.page).as_deref(), Some("https://shop.example/from"));
        assert_eq!(hit.events, Some(vec![]));
    }

    #[test]
    fn details_are_read_as_text_whatever_their_json_type() {
        let query = "events=%5B%5B%22purchase%22%2C%7B%22value%22%3A%2212.50%22%2C%22num_items%22%3A2%2C%22order_id%22%3A7%2C%22currency%22%3Anull%7D%5D%5D";
        let events = hit(query).events.expect("events");
        let details = &events[0].details;
        assert_eq!(events[0].name.as_deref(), Some("purchase"));
        assert_eq!(text(&details.value).as_deref(), Some("12.50"));
        assert_eq!(text(&details.quantity).as_deref(), Some("2"));
        assert_eq!(text(&details.conversion_id).as_deref(), Some("7"));
        assert_eq!(details.currency, None);
        let number = hit("event={\"value\":1e309}").events.expect("events");
        assert_eq!(text(&number[0].details.value).as_deref(), Some("1e309"));
    }

    #[test]
    fn what_is_not_the_expected_json_is_no_events() {
        let deep =
            |depth: usize| format!("event={{\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        for query in ["events=x", "events=[]]", "events={}", "event=[]", "events=[[1,{}]]", &deep(17)] {
            assert_eq!(hit(query).events, None, "{query}");
        }
        assert!(hit(&deep(16)).events.is_some());
    }

    #[test]
    fn inside_a_frame_the_page_is_the_referrer() {
        let query = "tw_document_href=https://frame.example/&tw_document_referrer=https://shop.example/a";
        assert_eq!(text(&hit(query).page).as_deref(), Some("https://frame.example/"));
        let framed = format!("{query}&tw_iframe_status=1");
        assert_eq!(text(&hit(&framed).page).as_deref(), Some("https://shop.example/a"));
    }
}
