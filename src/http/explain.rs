//! `GET /v1/explain?…`: what would become of a hit with this query and these headers, rule by rule. Stores nothing.

use std::sync::Arc;

use super::admin::{bad_method, json_text};
use super::pixel;
use super::request::Head;
use super::response::Answer;
use super::visitor::{decode, parameter, parameters};
use crate::domain::conversion::Country;
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Clock;
use crate::service::explain::{Question, activities};
use crate::service::live::SharedLive;

pub const PATH: &str = "/v1/explain";

pub struct Explain {
    pub live: SharedLive,
    pub opt_outs: Arc<dyn OptOutView + Send + Sync>,
    pub clock: Arc<dyn Clock>,
}

impl Explain {
    /// Three parameters are not the hit's: `activity` (may be there several times), `partner`, and `country`, which
    /// stands for where the hit would come from.
    pub fn answer(&self, head: &Head<'_>) -> Answer {
        if head.method != "GET" {
            return bad_method("GET");
        }
        let activities_named = parameters(head).filter(|(name, _)| name == "activity");
        let names: Vec<_> = activities_named.map(|(_, value)| decode(value)).collect();
        let (names, partner) = (names.iter().map(|name| &**name), parameter(head, "partner"));
        let live = self.live.load();
        let asked = activities(names, partner.as_deref(), &live.partners);
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return Answer::text(400, format!("{error}\n")),
        };
        let country = parameter(head, "country").map(|code| Country::parse(&code));
        if country == Some(None) {
            return Answer::text(400, "a country is two letters, as in ISO 3166-1\n");
        }
        let asked = Question { activities: &asked, country: country.flatten() };
        let explanation = pixel::explain(&asked, head, &live, &*self.opt_outs, self.clock.now());
        json_text(200, explanation.as_json().to_string())
    }
}
