//! The listener for operators: health, metrics, the same for people, reload, erasures, lists of opt-outs, partners,
//! their targeting files, campaigns and links, settings of signed-in accounts, and in development mode what became of the latest hits.

use std::sync::Arc;

use serde::Serialize;

use super::account_settings;
use super::auth;
use super::dash;
use super::erasures;
use super::explain::{self, Explain};
use super::opt_outs;
use super::partner_registry;
use super::rate_limit::RateLimits;
use super::registration::{self, Registered};
use super::request::Head;
use super::response::Answer;
use super::service::{Answering, Intake, Service};
use super::targeting;
use crate::service::account_settings::AccountSettingsService;
use crate::service::ads_registry::{CampaignRegistry, CampaignView, LinkRegistry, LinkView};
use crate::service::caller::Keys;
use crate::service::dev::{DevService, Which};
use crate::service::erasure::ErasureService;
use crate::service::operation::Operation;
use crate::service::opt_out::OptOutService;
use crate::service::partner_registry::{PartnerRegistry, PartnerView};
use crate::service::targeting::Targeting;

pub struct Admin {
    pub keys: Keys,
    /// Of attempts to authenticate.
    pub limits: RateLimits,
    pub operation: Arc<Operation>,
    pub erasure: ErasureService,
    pub opt_out: OptOutService,
    pub account_settings: AccountSettingsService,
    pub partners: Arc<PartnerRegistry>,
    pub campaigns: Arc<CampaignRegistry>,
    pub links: Arc<LinkRegistry>,
    pub targeting: Arc<Targeting>,
    pub explain: Explain,
    /// Only in development mode.
    pub dev: Option<DevService>,
}

impl Service for Admin {
    fn intake(&self, method: &str, path: &str) -> Intake {
        let bytes_max = match (method, path) {
            ("POST", ERASURES) => erasures::BODY_BYTES_MAX,
            ("POST", OPT_OUTS) => opt_outs::BODY_BYTES_MAX,
            ("POST", SETTINGS) => account_settings::BODY_BYTES_MAX,
            ("POST", path) if targeting_place(path).is_some() => targeting::BODY_BYTES_MAX,
            ("PUT", path) => registered_bytes_max(path).unwrap_or(0),
            _ => 0,
        };
        Intake::Body { bytes_max }
    }

    fn answer(&self, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        match head.path {
            ERASURES => return self.erasures(head, body),
            OPT_OUTS => return self.opt_outs(head, body),
            SETTINGS => return self.settings(head, body),
            RELOAD if head.method == "POST" => return self.reload(head),
            _ => {}
        }
        if let Some(place) = targeting_place(head.path) {
            return self.targeting(place, head, body);
        }
        if registered_bytes_max(head.path).is_some() {
            return self.registered(head, body);
        }
        if let Some(answer) = dash::answer(&self.operation, head) {
            return Answering::Now(answer);
        }
        Answering::Now(match (head.path, head.method) {
            ("/healthz", "GET" | "HEAD") => Answer::text(200, "ok\n"),
            ("/readyz", "GET" | "HEAD") => self.readiness(),
            ("/metrics", "GET" | "HEAD") => self.metrics(),
            (explain::PATH, _) => self.explain(head),
            ("/healthz" | "/readyz" | "/metrics", _) => bad_method("GET, HEAD"),
            (RELOAD, _) => bad_method("POST"),
            (path, method) => match (&self.dev, path.strip_prefix("/dev/")) {
                (Some(dev), Some(what)) => dev_answer(dev, method, what),
                _ => Answer::text(404, "there is nothing at this path\n"),
            },
        })
    }
}

impl Admin {
    fn readiness(&self) -> Answer {
        let readiness = self.operation.readiness();
        json(if readiness.is_ready() { 200 } else { 503 }, &readiness)
    }

    fn erasures(&self, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        if !matches!(head.method, "GET" | "POST") {
            return Answering::Now(bad_method("GET, POST"));
        }
        match auth::authenticate(&self.keys, &self.limits, head) {
            Err(answer) => Answering::Now(answer),
            Ok(_) if head.method == "GET" => Answering::Now(erasures::list(&self.erasure)),
            Ok(_) => erasures::erase(&self.erasure, body),
        }
    }

    fn opt_outs(&self, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        if head.method != "POST" {
            return Answering::Now(bad_method("POST"));
        }
        match auth::authenticate(&self.keys, &self.limits, head) {
            Err(answer) => Answering::Now(answer),
            Ok(_) => opt_outs::record(&self.opt_out, head, body),
        }
    }

    fn settings(&self, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        if head.method != "POST" {
            return Answering::Now(bad_method("POST"));
        }
        match auth::authenticate(&self.keys, &self.limits, head) {
            Err(answer) => Answering::Now(answer),
            Ok(_) => account_settings::record(&self.account_settings, body),
        }
    }

    fn registered(&self, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        let caller = match auth::authenticate(&self.keys, &self.limits, head) {
            Ok(caller) => caller,
            Err(answer) => return Answering::Now(answer),
        };
        if registration::is_below::<CampaignView>(head.path) {
            registration::answer(&*self.campaigns, &caller, head, body)
        } else if registration::is_below::<LinkView>(head.path) {
            registration::answer(&*self.links, &caller, head, body)
        } else {
            registration::answer(&*self.partners, &caller, head, body)
        }
    }

    fn targeting(&self, place: targeting::Place, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        match auth::authenticate(&self.keys, &self.limits, head) {
            Ok(caller) => targeting::answer(&self.targeting, caller, place, head, body),
            Err(answer) => Answering::Now(answer),
        }
    }

    fn metrics(&self) -> Answer {
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Answer::new(200, content_type, self.operation.metrics())
    }

    fn explain(&self, head: &Head<'_>) -> Answer {
        match auth::authenticate(&self.keys, &self.limits, head) {
            Ok(_) => self.explain.answer(head),
            Err(answer) => answer,
        }
    }

    fn reload(&self, head: &Head<'_>) -> Answering<'_> {
        let caller = match auth::authenticate(&self.keys, &self.limits, head) {
            Ok(caller) => caller,
            Err(answer) => return Answering::Now(answer),
        };
        let reloading = self.operation.reload(&caller);
        Answering::later(async move {
            match reloading.await {
                Ok(()) => Answer::text(200, "reloaded\n"),
                Err(error) => Answer::text(422, format!("{error}\nthe settings stay as they were\n")),
            }
        })
    }
}

/// Of what is put at `path`, if it is of a kind that can be.
fn registered_bytes_max(path: &str) -> Option<usize> {
    let kinds = [
        (registration::is_below::<PartnerView>(path), PartnerView::BODY_BYTES_MAX),
        (registration::is_below::<CampaignView>(path), CampaignView::BODY_BYTES_MAX),
        (registration::is_below::<LinkView>(path), LinkView::BODY_BYTES_MAX),
    ];
    kinds.into_iter().find(|(is_it, _)| *is_it).map(|(_, bytes_max)| bytes_max)
}

fn targeting_place(path: &str) -> Option<targeting::Place> {
    path.strip_prefix(partner_registry::PATH).and_then(targeting::Place::of)
}

fn dev_answer(dev: &DevService, method: &str, what: &str) -> Answer {
    let which = match (what, method) {
        ("all", "GET") => Which::All,
        ("good", "GET") => Which::Good,
        ("bad", "GET") => Which::Bad,
        ("reset", "POST") => {
            dev.reset();
            return Answer::text(200, "reset\n");
        }
        ("all" | "good" | "bad", _) => return bad_method("GET"),
        ("reset", _) => return bad_method("POST"),
        _ => return Answer::text(404, "there is nothing at this path\n"),
    };
    match dev.list(which) {
        Ok(text) => json_text(200, text),
        Err(error) => Answer::text(500, format!("{error}\n")),
    }
}

pub(super) fn bad_method(allowed: &'static str) -> Answer {
    Answer::text(405, format!("this path takes {allowed}\n")).with("Allow", allowed)
}

pub(super) fn json(status: u16, value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(text) => json_text(status, text),
        Err(_) => Answer::text(status, ""),
    }
}

pub(super) fn json_text(status: u16, text: String) -> Answer {
    Answer::json(status, text).with("Cache-Control", "no-store")
}

const ERASURES: &str = "/admin/erasures";
const OPT_OUTS: &str = "/admin/optouts";
const RELOAD: &str = "/-/reload";
const SETTINGS: &str = "/admin/settings";
