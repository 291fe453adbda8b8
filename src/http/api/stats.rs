//! `GET /{5..12}/stats/accounts/{account}`: what campaigns and line items were credited with.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::envelope::{failed, refused, short};
use crate::domain::money::Currency;
use crate::domain::time::{MS_PER_HOUR, Timestamp};
use crate::http::admin::json as answer_json;
use crate::http::request::Head;
use crate::http::response::Answer;
use crate::http::service::Answering;
use crate::http::visitor::parameter;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::{ApiError, ApiErrors};
use crate::service::reports::{ReportError, ReportService};
use crate::service::stats::{
    Credited, Entity, EntityStats, Granularity, METRICS, Metric, StatsQuery, compute,
};

pub(super) fn answer<'s>(
    reports: &'s ReportService,
    caller: AccountCaller,
    currency: Currency,
    head: &Head<'_>,
) -> Answering<'s> {
    let asked = match Asked::read(head) {
        Ok(asked) => asked,
        Err(errors) => return Answering::Now(refused(&errors)),
    };
    Answering::later(async move {
        match reports.tallies(&caller, asked.query.hours.clone()).await {
            Ok(counted) => asked.told(&caller, &compute(&asked.query, &counted.rows, currency)),
            Err(error) => not_now(error),
        }
    })
}

pub(super) fn not_now(error: ReportError) -> Answer {
    let wait_s = match error {
        ReportError::Busy | ReportError::StillCounting { .. } => "10",
        ReportError::Unreadable => "60",
    };
    let error = ApiError { code: "OVER_CAPACITY", message: error.to_string().into(), parameter: None };
    failed(503, &[error]).with("Retry-After", wait_s)
}

/// What a request asks for, and how it says so.
struct Asked {
    query: StatsQuery,
    entity: &'static str,
    ids: Vec<String>,
    granularity: &'static str,
}

impl Asked {
    fn read(head: &Head<'_>) -> Result<Self, ApiErrors> {
        let mut reading = Reading { head, errors: Vec::new() };
        let entity = reading.one_of("entity", &[("CAMPAIGN", "CAMPAIGN"), ("LINE_ITEM", "LINE_ITEM")]);
        let granularities =
            [("HOUR", Granularity::Hour), ("DAY", Granularity::Day), ("TOTAL", Granularity::Total)];
        let granularity = reading.one_of("granularity", &granularities);
        reading.one_of("placement", &[(PLACEMENT, ())]);
        reading.one_of("metric_groups", &[(METRIC_GROUP, ())]);
        let entities = entity.map(|entity| reading.entities(entity));
        let hours = reading.hours(granularity);
        ApiErrors::none_or(reading.errors)?;
        // All of them are there where nothing is wrong.
        let none = || ApiErrors::one(ApiError::missing("entity", "entity must be provided"));
        let (entity, granularity) = (entity.ok_or_else(none)?, granularity.ok_or_else(none)?);
        let (entities, ids) = entities.ok_or_else(none)?;
        let query = StatsQuery { entities, hours: hours.ok_or_else(none)?, granularity };
        let granularity = granularities.into_iter().find(|(_, known)| *known == granularity);
        Ok(Self { query, entity, ids, granularity: granularity.map(|(name, _)| name).unwrap_or_default() })
    }

    fn told(&self, caller: &AccountCaller, stats: &[EntityStats]) -> Answer {
        let data: Vec<Value> = self.ids.iter().zip(stats).map(|(id, stats)| entity(id, stats)).collect();
        let time = |hour: u64| Timestamp(hour * MS_PER_HOUR).to_string().replace(".000Z", "Z");
        let Range { start, end } = self.query.hours;
        let params = json!({
            "account_id": caller.account_id().to_string(),
            "entity": self.entity,
            "entity_ids": self.ids,
            "start_time": time(start),
            "end_time": time(end),
            "granularity": self.granularity,
            "placement": PLACEMENT,
            "metric_groups": [METRIC_GROUP],
            "segmentation_type": null,
            "country": null,
            "platform": null,
        });
        answer_json(
            200,
            &json!({
                "data_type": "stats",
                "time_series_length": self.query.length(),
                "data": data,
                "request": {"params": params},
            }),
        )
    }
}

fn entity(id: &str, stats: &EntityStats) -> Value {
    let metrics = METRICS.iter().zip(stats);
    let metrics: Map<_, _> =
        metrics.map(|((name, _), metric)| ((*name).to_owned(), metric.as_ref().map(told).into())).collect();
    json!({"id": id, "id_data": [{"segment": null, "metrics": metrics}]})
}

fn told(metric: &Metric) -> Value {
    let Metric { conversions, order_quantity, sale_amount } = metric;
    let part = |amounts: &Option<Credited>, of: fn(&Credited) -> &Vec<i64>| -> Value {
        amounts.as_ref().map(|amounts| of(amounts).clone()).into()
    };
    json!({
        "post_view": conversions.post_view,
        "post_engagement": conversions.post_engagement,
        "assisted": null,
        "metric": conversions.all,
        "order_quantity": part(order_quantity, |all| &all.all),
        "order_quantity_view": part(order_quantity, |all| &all.post_view),
        "order_quantity_engagement": part(order_quantity, |all| &all.post_engagement),
        "sale_amount": part(sale_amount, |all| &all.all),
        "sale_amount_view": part(sale_amount, |all| &all.post_view),
        "sale_amount_engagement": part(sale_amount, |all| &all.post_engagement),
    })
}

struct Reading<'r, 'h> {
    head: &'r Head<'h>,
    errors: Vec<ApiError>,
}

impl Reading<'_, '_> {
    fn text(&mut self, name: &'static str) -> Option<String> {
        let text = parameter(self.head, name).filter(|text| !text.is_empty());
        if text.is_none() {
            self.errors.push(ApiError::missing(name, format!("{name} must be provided")));
        }
        text.map(std::borrow::Cow::into_owned)
    }

    fn one_of<T: Copy>(&mut self, name: &'static str, known: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = known.iter().find(|(known, _)| *known == text).map(|&(_, value)| value);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            self.errors.push(ApiError::invalid(name, format!("{name} is not {}", names.join(" or "))));
        }
        found
    }

    fn entities(&mut self, entity: &str) -> (Vec<Entity>, Vec<String>) {
        let (mut entities, mut ids) = (Vec::new(), Vec::new());
        let Some(text) = self.text("entity_ids") else { return (entities, ids) };
        for id in text.split(',').map(str::trim) {
            let found = match entity {
                "CAMPAIGN" => id.parse().map(Entity::Campaign),
                _ => id.parse().map(Entity::LineItem),
            };
            match found {
                Ok(found) => entities.push(found),
                Err(_) => self.errors.push(ApiError::invalid(
                    "entity_ids",
                    format!("entity_ids ({}) is not an id", short(id)),
                )),
            }
            ids.push(id.to_ascii_lowercase());
        }
        if ids.len() > ENTITIES_MAX {
            let message = format!("entity_ids has more than {ENTITIES_MAX} ids");
            self.errors = vec![ApiError::invalid("entity_ids", message)];
        }
        (entities, ids)
    }

    fn hours(&mut self, granularity: Option<Granularity>) -> Option<Range<u64>> {
        let (start, end) = (self.hour("start_time"), self.hour("end_time"));
        let (start, end) = (start?, end?);
        let granularity = granularity?;
        let days_max = match granularity {
            Granularity::Hour => HOURLY_DAYS_MAX,
            Granularity::Day | Granularity::Total => DAYS_MAX,
        };
        let error = if end <= start {
            Some("end_time is not after start_time".to_owned())
        } else if end - start > days_max * 24 {
            Some(format!("end_time is more than {days_max} days after start_time"))
        } else if granularity == Granularity::Day && (start % 24, end % 24) != (0, 0) {
            Some("start_time and end_time are not both midnight, UTC, as granularity DAY asks for".to_owned())
        } else {
            None
        };
        let fits = error.is_none();
        self.errors.extend(error.map(|error| ApiError::invalid("end_time", error)));
        fits.then_some(start..end)
    }

    /// Hours since 1970.
    fn hour(&mut self, name: &'static str) -> Option<u64> {
        let text = self.text(name)?;
        let hour = whole_hour(&text);
        if hour.is_none() {
            let message = format!(
                "{name} is not a whole hour such as 2026-11-22T07:00:00Z, or a day such as 2026-11-22"
            );
            self.errors.push(ApiError::invalid(name, message));
        }
        hour
    }
}

fn whole_hour(text: &str) -> Option<u64> {
    let day = || {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    // A day is asked for first: the other reads no text without a time.
    let at = match text.len() {
        DAY_CHARS => day()?,
        _ => text.parse().ok()?,
    };
    let ms = u64::try_from(at.as_millisecond()).ok()?;
    let is_whole = ms.is_multiple_of(MS_PER_HOUR) && at.subsec_nanosecond() == 0;
    is_whole.then_some(ms / MS_PER_HOUR)
}

const DAY_CHARS: usize = "2026-11-22".len();
const PLACEMENT: &str = "ALL_ON_TWITTER";
const METRIC_GROUP: &str = "WEB_CONVERSION";
const ENTITIES_MAX: usize = 20;
/// As X has it.
const HOURLY_DAYS_MAX: u64 = 7;
const DAYS_MAX: u64 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_hours_are_read() {
        for (text, hour) in [
            ("1970-01-01", Some(0)),
            ("1970-01-02T03:00:00Z", Some(27)),
            ("1970-01-02T03:00:00.000Z", Some(27)),
            ("1970-01-02T03:00:00+02:00", Some(25)),
            ("1970-01-02T03:00:00-0700", Some(34)),
            ("1970-01-02T03:00:01Z", None),
            ("1970-01-02T03:30:00+00:30", Some(27)),
            ("1970-01-02T03:00:00.0000001Z", None),
            ("1969-12-31T23:00:00Z", None),
            ("1970-13-01", None),
            ("27", None),
            ("", None),
        ] {
            assert_eq!(whole_hour(text), hour, "{text}");
        }
    }
}
