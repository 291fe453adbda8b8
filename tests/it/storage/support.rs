//! What the tests of the log share: a held clock, a seeded generator, entries that went through the real gate.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixelgate::consent::gate::{Gate, Permitted};
use pixelgate::consent::policy::{Policy, Regime};
use pixelgate::consent::prefs::{AccountPrefs, Prefs};
use pixelgate::consent::regulated::Regulated;
use pixelgate::consent::rule::Circumstances;
use pixelgate::consent::signals::Signals;
use pixelgate::domain::attribution::Windows;
use pixelgate::domain::conversion::{Conversion, Identifiers, ShortText, Source};
use pixelgate::domain::embed_view::EmbedView;
use pixelgate::domain::erasure::{Erasure, ErasureId};
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::{
    AccountId, BrowserId, CampaignId, EventId, EventTagId, HashedAccountId, HashedEmail, HashedPartnerUserId,
    HashedPhone, LineItemId, PartnerId, PixelId,
};
use pixelgate::domain::link::{LinkName, Placement};
use pixelgate::domain::matching::{MatchProof, MatchScope, PartnerMatch};
use pixelgate::domain::opt_out::{Choice, OptOut, OptOutView, Subject, Subjects};
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::partner::{PartnerListing, PartnerUserId};
use pixelgate::domain::time::{Clock, Rng, Timestamp};
use pixelgate::domain::touch::{IssuedClickId, Touch, TouchKind};
use pixelgate::storage::digest::sha256;
use pixelgate::storage::disk::Disk;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended, Log};
use pixelgate::storage::options::{Housekeeping, LogOptions};
use pixelgate::storage::reader::{From, Row, Stored, read_on};
use pixelgate::storage::recovery::{OpenError, Recovery};
use pixelgate::storage::worker::Appender;

/// A clock that goes only where a test puts it.
#[derive(Debug)]
pub(super) struct HeldClock(AtomicU64);

impl HeldClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_795_316_645_678)))
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(super) fn set_back(&self, by: Duration) {
        self.0.fetch_sub(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// Another one at every time, so that no two starts of a log draw the same salts.
    pub(super) fn seed(&self) -> u64 {
        self.now().0
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// SplitMix64: enough for tests, and the same everywhere.
#[derive(Debug)]
pub(crate) struct Seeded(Mutex<u64>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut state = self.0.lock().expect("no test panics in here");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

impl Rng for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Knows of no opt-out, whatever has happened.
struct Stale;

impl OptOutView for Stale {
    fn is_opted_out(&self, _: Subject) -> bool {
        false
    }
}

pub(super) fn browser(number: u64) -> Subject {
    Subject::Browser(browser_id(number))
}

/// Whom partner 7 calls so.
pub(super) fn partner_user(partner_user_id: &str) -> Subject {
    let hash = HashedPartnerUserId::from_bytes(sha256(partner_user_id.as_bytes()));
    Subject::PartnerUser(PartnerId::from_number(7), hash)
}

pub(super) fn email(number: u8) -> Subject {
    Subject::Email(HashedEmail::from_bytes([number; 32]))
}

pub(super) fn phone(number: u8) -> Subject {
    Subject::Phone(HashedPhone::from_bytes([number; 32]))
}

pub(super) fn event_id(number: u64) -> EventId {
    EventId::new(1_795_316_645_678, {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        random
    })
}

/// A draft with the least in it.
pub(super) fn conversion(event: EventType, number: u64) -> Conversion {
    Conversion {
        id: event_id(number),
        at: Timestamp(1_795_316_645_678),
        account_id: AccountId::from_number(1),
        pixel_id: PixelId::from_number(2),
        event_tag_id: Some(EventTagId::from_number(3)),
        windows: None,
        event,
        source: Source::Pixel,
        event_id: None,
        conversion_id: None,
        value: None,
        quantity: None,
        identifiers: Identifiers::default(),
        page: None,
        country: None,
        restricted_data_use: false,
        origin_ok: true,
    }
}

/// By the same browser.
pub(super) fn by(subject: Subject, draft: Conversion) -> Conversion {
    let identifiers = match subject {
        Subject::Browser(browser_id) => Identifiers { browser_id: Some(browser_id), ..draft.identifiers },
        Subject::Email(email) => Identifiers { hashed_email: Some(email), ..draft.identifiers },
        Subject::Phone(phone) => Identifiers { hashed_phone: Some(phone), ..draft.identifiers },
        Subject::Device(_) | Subject::PartnerUser(..) | Subject::SignedIn(_) => {
            unreachable!("no conversion has one")
        }
    };
    Conversion { identifiers, ..draft }
}

pub(super) fn with_event_id(text: &str, draft: Conversion) -> Conversion {
    Conversion { event_id: ShortText::parse(text), ..draft }
}

/// Lets it through a gate that knows of no opt-out.
pub(super) fn admit(draft: Conversion) -> Entry {
    let at = draft.at;
    Entry::Conversion(permit(draft, at))
}

/// The same for somebody whose devices must not be linked.
pub(super) fn admit_for_one_device(draft: Conversion) -> Entry {
    let (at, mut signals) = (draft.at, Signals::default());
    signals.see_prefs(Prefs::parse("0010").expect("four bits"));
    Entry::Conversion(permit_by(draft, at, &signals))
}

pub(super) fn embed_view(browser_id: BrowserId, number: u64) -> Entry {
    let page = PageAddress::reduce("https://news.example/embed").expect("an address");
    let at = Timestamp(1_795_316_645_678);
    let view = EmbedView { id: event_id(number), at, page, browser_id: Some(browser_id), country: None };
    Entry::EmbedView(permit(view, at))
}

/// Of one ad of the account that all conversions here are of.
pub(super) fn touch(kind: TouchKind, number: u64) -> Touch {
    let placement = Placement {
        account_id: AccountId::from_number(1),
        link: LinkName::parse("spring").expect("a name"),
        campaign_id: CampaignId::from_number(8),
        line_item_id: LineItemId::from_number(9),
    };
    Touch {
        id: event_id(number),
        at: Timestamp(1_795_316_645_678),
        kind,
        placement: Arc::new(placement),
        browser_id: None,
        click_id: (kind == TouchKind::Click).then(|| click_id(number)),
        country: None,
    }
}

pub(super) fn click_id(number: u64) -> IssuedClickId {
    IssuedClickId::from_bytes(browser_id(number).bytes())
}

/// Lets it through a gate that knows of no opt-out.
pub(super) fn admit_touch(touch: Touch) -> Entry {
    let at = touch.at;
    Entry::Touch(permit(touch, at))
}

/// A purchase that counts for 30 days after a click and for one after a view.
pub(super) fn creditable(number: u64) -> Conversion {
    let windows = Some(Windows { click_days: 30, view_days: 1 });
    Conversion { windows, ..conversion(EventType::Purchase, number) }
}

/// What partner 7 calls the browser.
pub(super) fn matched(browser_id: BrowserId, partner_user_id: &str, number: u64) -> PartnerMatch {
    PartnerMatch {
        id: event_id(number),
        at: Timestamp(1_795_316_645_678),
        partner_id: PartnerId::from_number(7),
        listing: PartnerListing::Unlisted,
        partner_user_id: PartnerUserId::parse(partner_user_id, sha256).expect("a partner user id"),
        browser_id,
        scope: MatchScope::Global,
        proof: MatchProof::Unsigned,
        country: None,
    }
}

/// Lets it through a gate that knows of no opt-out.
pub(super) fn admit_match(found: PartnerMatch) -> Entry {
    let at = found.at;
    Entry::Match(permit(found, at))
}

pub(super) fn browser_id(number: u64) -> BrowserId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    BrowserId::from_bytes(bytes)
}

fn permit<T: Regulated>(draft: T, now: Timestamp) -> Permitted<T> {
    permit_by(draft, now, &Signals::default())
}

fn permit_by<T: Regulated>(draft: T, now: Timestamp, signals: &Signals<'_>) -> Permitted<T> {
    let gate = Gate::new(Policy::new(Regime::None));
    let about =
        Circumstances { heard: &gate.hear(signals), directed_to_children: false, opt_outs: &Stale, now };
    gate.admit(draft, &about).map_err(|_| "refused").expect("nothing speaks against it")
}

/// Acknowledged when it is on the disk.
pub(super) fn purchase(number: u64) -> Entry {
    admit(conversion(EventType::Purchase, number))
}

/// Acknowledged when the operating system has it.
pub(super) fn page_view(number: u64) -> Entry {
    admit(conversion(EventType::SiteVisit, number))
}

pub(super) fn opt_out(subject: Subject, choice: Choice) -> Entry {
    Entry::OptOut(OptOut { subject, at: Timestamp(7), choice })
}

/// A person with an identifier that no other bytes of a log are like.
pub(super) fn person(number: u64) -> Subject {
    let mut bytes = [0; 16];
    Seeded::new(number << 32).fill(&mut bytes);
    Subject::Browser(BrowserId::from_bytes(bytes))
}

pub(super) fn account(number: u8) -> HashedAccountId {
    HashedAccountId::from_bytes([0x40 + number; 32])
}

/// `bits` as the cookie has them.
pub(super) fn settings(number: u8, bits: &str) -> Entry {
    let prefs = Prefs::parse(bits).expect("four bits");
    Entry::Settings(AccountPrefs { account: account(number), prefs, at: Timestamp(7) })
}

pub(super) fn erasure(subject: Subject) -> Entry {
    Entry::Erasure(Erasure { id: ErasureId::new(7, [1; 10]), subject, at: Timestamp(7) })
}

/// How often an identifier of `subjects` stands in `files`: its bytes, or its text in hexadecimal or base64url.
pub(super) fn traces<'f>(subjects: &[Subject], files: impl IntoIterator<Item = &'f Vec<u8>>) -> usize {
    let mut traces = Traces::default();
    subjects.iter().for_each(|subject| traces.add(*subject));
    files.into_iter().map(|file| traces.count(file)).sum()
}

/// As far as there are whole characters of it.
fn base64url(bytes: &[u8]) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let sixes = 0..bytes.len() * 8 / 6;
    sixes.map(|six| alphabet[(0..6).fold(0, |value, at| value << 1 | bit(six * 6 + at))]).collect()
}

#[test]
fn traces_are_found_in_every_form() {
    let subject = Subject::Browser(BrowserId::from_bytes(*b"\xfb\xff\x01pixelgate-abc"));
    let count = |file: &[u8]| traces(&[subject], [&file.to_vec()]);
    assert_eq!(count(b"..\xfb\xff\x01pixelgate-abc.."), 1);
    assert_eq!(count(b"..fbff01706978656c676174652d616263.."), 1);
    assert_eq!(count(b"..FBFF01706978656C676174652D616263.."), 1);
    assert_eq!(count(b"..-_8BcGl4ZWxnYXRlLWFiYw.."), 1);
    assert_eq!(count(b"eHj7_wFwaXhlbGdhdGUtYWJj"), 1, "behind two other bytes");
    assert_eq!(count(b"fbff01706978656c676174652d61626"), 0);
}

/// Looked for by their first four bytes, so that a thousand cost as much as one.
#[derive(Default)]
struct Traces {
    patterns: HashMap<[u8; 4], Vec<Vec<u8>>>,
    /// The first two of each, as a number.
    starts: HashSet<u16>,
}

impl Traces {
    fn add(&mut self, subject: Subject) {
        let hex = subject.expose();
        let digits =
            hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits are ASCII"));
        let bytes: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect();
        // The last characters depend on what follows.
        let base64 = |shift: usize| {
            let text = base64url(&[&vec![0; shift], &bytes[..]].concat());
            text[(shift * 8).div_ceil(6)..text.len() - 1].to_vec()
        };
        let texts = [hex.to_uppercase().into_bytes(), hex.into_bytes(), base64(0), base64(1), base64(2)];
        for pattern in texts.into_iter().chain([bytes]) {
            let first = *pattern.first_chunk().expect("an identifier is longer");
            self.starts.insert(u16::from_be_bytes([first[0], first[1]]));
            self.patterns.entry(first).or_default().push(pattern);
        }
    }

    fn count(&self, file: &[u8]) -> usize {
        let mut is_start = vec![false; 1 << 16];
        self.starts.iter().for_each(|&start| is_start[usize::from(start)] = true);
        let starts = file.windows(4).enumerate();
        let of = |(at, first): (usize, &[u8])| {
            let may_be = is_start[usize::from(first[0]) << 8 | usize::from(first[1])];
            let patterns = may_be.then(|| self.patterns.get(first))??;
            Some(patterns.iter().filter(|pattern| file[at..].starts_with(pattern)).count())
        };
        starts.filter_map(of).sum()
    }
}

/// Files as small as they may be, and always the same order of operations.
pub(super) fn small() -> LogOptions {
    LogOptions {
        file_bytes: 16 << 10,
        housekeeping: Housekeeping::Inline,
        retry_after: Duration::from_millis(1),
        ..LogOptions::default()
    }
}

pub(super) fn open(
    dir: &Path,
    disk: &Arc<dyn Disk>,
    options: LogOptions,
) -> Result<(Log, Recovery), OpenError> {
    open_at(dir, disk, options, HeldClock::new(), 1)
}

pub(super) fn open_at(
    dir: &Path,
    disk: &Arc<dyn Disk>,
    options: LogOptions,
    clock: Arc<dyn Clock>,
    seed: u64,
) -> Result<(Log, Recovery), OpenError> {
    Log::open(dir, options, Arc::clone(disk), clock, Arc::new(Seeded::new(seed)))
}

/// Runs `work` on a worker thread's kind of runtime, with a batcher of `log` beside it.
pub(super) fn with_appender<T, F: Future<Output = T>>(log: &Log, work: impl FnOnce(Appender) -> F) -> T {
    let (appender, batcher) = log.appender(tokio::task::yield_now);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let batcher = tokio::spawn(batcher);
        let done = work(appender).await;
        batcher.abort();
        done
    })
}

/// One after the other.
pub(super) fn append_each(
    log: &Log,
    entries: impl IntoIterator<Item = Entry>,
) -> Vec<Result<Appended, AppendError>> {
    with_appender(log, async |appender| {
        let mut answers = Vec::new();
        for entry in entries {
            answers.push(appender.append(entry).await);
        }
        answers
    })
}

/// All at once, so that they reach the writer as one batch of each class.
pub(super) fn append_together(
    log: &Log,
    entries: impl IntoIterator<Item = Entry>,
) -> Vec<Result<Appended, AppendError>> {
    with_appender(log, async |appender| {
        let tasks = entries.into_iter().map(|entry| {
            let appender = appender.clone();
            tokio::spawn(async move { appender.append(entry).await })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("no append panics"));
        }
        answers
    })
}

pub(super) fn read_all(dir: &Path, disk: &Arc<dyn Disk>) -> Vec<Stored> {
    let rows = read_on(Arc::clone(disk), dir, From::Start).expect("a log");
    rows.collect::<Result<_, _>>().expect("no damage")
}

pub(super) fn ids(rows: &[Stored]) -> Vec<EventId> {
    let id = |stored: &Stored| match &stored.row {
        Row::Conversion { conversion, .. } => Some(conversion.id),
        _ => None,
    };
    rows.iter().filter_map(id).collect()
}

/// Whom a row that the gate let through is about.
pub(super) fn subjects(row: &Row) -> Subjects {
    match row {
        Row::Conversion { conversion, .. } => conversion.subjects(),
        Row::EmbedView { view, .. } => view.subjects(),
        Row::Match { found, .. } => found.subjects(),
        Row::Touch { touch, .. } => touch.subjects(),
        Row::Unmatch(_) | Row::OptOut(_) | Row::Settings(_) => [None; 3],
    }
}
