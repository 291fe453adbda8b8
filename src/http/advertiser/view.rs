//! The page in words, as its template takes it.

use askama::Template;

use super::STYLE_NOW;
use super::chart::{BOTTOM, Chart, TOP, label, part_name};
use super::words::{
    amount, basis_name, campaign_name, key_name, line_item_name, span_name, span_words, tag_id, tag_name,
    warning,
};
use crate::consent::evidence::Basis;
use crate::domain::attribution::CreditKey;
use crate::domain::money::Currency;
use crate::domain::time::Timestamp;
use crate::http::figures::{moment, number, share};
use crate::service::advertiser_report::{AdvertiserReport, Credit, Credited, Received, TagReport};
use crate::service::report_span::Span;
use crate::service::small_cells::EVENTS_MIN;

#[derive(Template)]
#[template(path = "page.html", config = "static/advertiser/askama.toml")]
pub(super) struct Page {
    style: &'static str,
    token: String,
    account: String,
    as_of: String,
    as_of_at: String,
    is_damaged: bool,
    span: Span,
    within: &'static str,
    part: &'static str,
    warnings: Vec<WarningView>,
    total: ReceivedView,
    tags: Vec<TagView>,
    /// With what was received in the span.
    charts: Vec<ChartView>,
    /// Those of which nothing was received in the span.
    silent: Vec<String>,
    campaigns: Vec<CampaignView>,
    /// Of the columns of bases, which are those that occur.
    basis_names: Vec<&'static str>,
    /// Something is hidden, and so it is said why.
    hides: bool,
    events_min: u64,
}

struct WarningView {
    tag: String,
    what: String,
    advice: &'static str,
    example: String,
}

struct ReceivedView {
    all: String,
    by_pixel: String,
    by_api: String,
    amounts: Vec<String>,
}

struct TagView {
    name: String,
    id: String,
    event: &'static str,
    windows: String,
    status: &'static str,
    last: Option<Moment>,
    /// Nothing was received in the span.
    is_silent: bool,
    received: ReceivedView,
    /// Post-click, post-view, unattributed; `None`: hidden.
    credit: Option<[Part; 3]>,
    /// In the order of [`CreditKey::ALL`], and without any.
    keys: Option<[Part; 5]>,
    bases: Option<Vec<Part>>,
}

struct Moment {
    text: String,
    at: String,
}

struct Part {
    is_zero: bool,
    count: String,
    share: String,
}

struct ChartView {
    /// Tells the charts of a page apart.
    number: usize,
    name: String,
    chart: Chart,
    /// The newest first.
    rows: Vec<PartRow>,
}

struct PartRow {
    start: String,
    received: ReceivedView,
    credit: Option<[String; 3]>,
}

struct CampaignView {
    name: String,
    id: String,
    line_items: Vec<LineItemView>,
}

struct LineItemView {
    name: String,
    id: String,
    rows: Vec<CreditRow>,
}

struct CreditRow {
    tag: String,
    credited: Option<CreditedView>,
}

struct CreditedView {
    post_click: String,
    post_view: String,
    amounts: Vec<String>,
}

impl Page {
    pub(super) fn new(report: &AdvertiserReport, token: String, is_damaged: bool) -> Self {
        let bases = bases_that_occur(report);
        let tags: Vec<_> = report.tags.iter().map(|tag| TagView::of(tag, &bases)).collect();
        let (drawn, silent): (Vec<_>, Vec<_>) = report.tags.iter().partition(|tag| tag.received.all() > 0);
        let charts: Vec<_> =
            drawn.iter().enumerate().map(|(number, tag)| ChartView::of(number, tag, report)).collect();
        let campaigns = campaigns(report);
        let hides = tags.iter().any(TagView::hides)
            || charts.iter().any(|chart| chart.rows.iter().any(|row| row.credit.is_none()))
            || report.line_items.iter().any(|item| item.credited.iter().any(|(_, told)| told.is_none()));
        Self {
            style: STYLE_NOW,
            token,
            account: report.account.clone(),
            as_of: moment(report.as_of),
            as_of_at: report.as_of.to_string(),
            is_damaged,
            span: report.span,
            within: span_words(report.span),
            part: part_name(report.span),
            warnings: warnings(report),
            total: ReceivedView::of(&total(report)),
            tags,
            charts,
            silent: silent.into_iter().map(|tag| tag_name(&tag.tag)).collect(),
            campaigns,
            basis_names: only(Basis::ALL, &bases).map(basis_name).collect(),
            hides,
            events_min: EVENTS_MIN,
        }
    }

    /// What the address says, what people read, and whether it is what is shown.
    fn spans(&self) -> [(&'static str, &'static str, bool); 2] {
        Span::ALL.map(|span| (span.name(), span_name(span), span == self.span))
    }

    fn key_names(&self) -> [&'static str; 4] {
        CreditKey::ALL.map(key_name)
    }

    /// The tags that received something in the span.
    fn heard(&self) -> impl Iterator<Item = &TagView> {
        self.tags.iter().filter(|tag| !tag.is_silent)
    }
}

fn warnings(report: &AdvertiserReport) -> Vec<WarningView> {
    let warnings = report.warnings.iter().map(|found| {
        let (what, advice, example) = warning(&found.kind);
        WarningView { tag: tag_name(&found.tag), what, advice, example }
    });
    warnings.collect()
}

/// Those that any tag shows; all of them if none does.
fn bases_that_occur(report: &AdvertiserReport) -> [bool; BASES] {
    let shown = report.tags.iter().filter_map(|tag| tag.split.bases);
    let occur =
        shown.fold([false; BASES], |occur, bases| std::array::from_fn(|at| occur[at] || bases[at] > 0));
    if occur.contains(&true) { occur } else { [true; BASES] }
}

fn only<T: Copy, const N: usize>(all: [T; N], wanted: &[bool; N]) -> impl Iterator<Item = T> {
    all.into_iter().zip(*wanted).filter(|(_, wanted)| *wanted).map(|(one, _)| one)
}

const BASES: usize = Basis::ALL.len();

fn total(report: &AdvertiserReport) -> Received {
    let mut total = Received::default();
    report.tags.iter().for_each(|tag| total.add(&tag.received));
    total
}

impl ReceivedView {
    fn of(received: &Received) -> Self {
        Self {
            all: number(received.all()),
            by_pixel: number(received.by_pixel),
            by_api: number(received.by_api),
            amounts: amounts(&received.amounts),
        }
    }
}

impl TagView {
    fn of(report: &TagReport, bases_shown: &[bool; BASES]) -> Self {
        let windows = report.tag.windows.map(|windows| {
            let days = |days: u8| if days == 0 { "never".to_owned() } else { format!("{days} d") };
            format!("click {}, view {}", days(windows.click_days), days(windows.view_days))
        });
        let all = report.received.all();
        let part = |count: u64| Part { is_zero: count == 0, count: number(count), share: share(count, all) };
        Self {
            name: tag_name(&report.tag),
            id: tag_id(&report.tag),
            event: report.tag.event.name(),
            windows: windows.unwrap_or_else(|| "–".to_owned()),
            status: report.status(),
            last: report.last_at.map(Moment::of),
            is_silent: all == 0,
            received: ReceivedView::of(&report.received),
            credit: report.split.credit.map(|credit| groups(credit).map(part)),
            keys: report.split.match_keys.map(|([a, b, c, d], none)| [a, b, c, d, none].map(part)),
            bases: report.split.bases.map(|bases| only(bases, bases_shown).map(part).collect()),
        }
    }

    const fn hides(&self) -> bool {
        self.credit.is_none() || self.keys.is_none() || self.bases.is_none()
    }
}

impl Moment {
    fn of(at: Timestamp) -> Self {
        Self { text: moment(at), at: at.to_string() }
    }
}

impl ChartView {
    fn of(number_of_chart: usize, tag: &TagReport, report: &AdvertiserReport) -> Self {
        let name = tag_name(&tag.tag);
        let rows =
            report.starts.iter().zip(&tag.over_time).rev().map(|(start, (received, credit))| PartRow {
                start: label(*start, report.span),
                received: ReceivedView::of(received),
                credit: credit.map(|credit| groups(credit).map(number)),
            });
        Self {
            number: number_of_chart,
            chart: Chart::of(tag, &name, &report.starts, report.span),
            rows: rows.collect(),
            name,
        }
    }
}

fn campaigns(report: &AdvertiserReport) -> Vec<CampaignView> {
    let mut campaigns: Vec<CampaignView> = Vec::new();
    for item in &report.line_items {
        let id = item.campaign_id.to_string();
        let rows = item.credited.iter().map(|(tag, told)| CreditRow {
            tag: tag_name(tag),
            credited: told.as_ref().map(CreditedView::of),
        });
        let line_item =
            LineItemView { name: line_item_name(item), id: item.id.to_string(), rows: rows.collect() };
        match campaigns.iter_mut().find(|campaign| campaign.id == id) {
            Some(campaign) => campaign.line_items.push(line_item),
            None => {
                let name = campaign_name(item);
                campaigns.push(CampaignView { name, id, line_items: vec![line_item] });
            }
        }
    }
    campaigns
}

impl CreditedView {
    fn of(credited: &Credited) -> Self {
        Self {
            post_click: number(credited.post_click),
            post_view: number(credited.post_view),
            amounts: amounts(&credited.amounts),
        }
    }
}

const fn groups(credit: Credit) -> [u64; 3] {
    [credit.post_click, credit.post_view, credit.none]
}

fn amounts(amounts: &[(Currency, i128)]) -> Vec<String> {
    amounts.iter().copied().map(amount).collect()
}
