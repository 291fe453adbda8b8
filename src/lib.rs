//! Pixelgate: an edge server for conversion pixels that proves consent before it stores anything.
//!
//! This page is the architecture. It says what the code relies on and cannot show in one place; the modules' own
//! pages say the rest. Whoever knows the journey knows the file: pixel, opt_out, … name the same thing in
//! [`service`], [`http`], the integration tests and the metrics.
//!
//! # The one idea: consent is a type
//!
//! A consent check that is an `if` gets lost: somebody adds a second path to the disk and the `if` is not on it. Here
//! there is no way to the disk, and none to the browser's cookie jar, for a bare value. What is about a person leaves
//! memory only inside a [`Permitted<T>`](consent::gate::Permitted):
//!
//! | way out | what it takes |
//! |---|---|
//! | the log | [`Entry::Conversion`](storage::entry::Entry::Conversion) of a `Permitted<Conversion>`, [`Entry::EmbedView`](storage::entry::Entry::EmbedView) of a `Permitted<EmbedView>`, [`Entry::Match`](storage::entry::Entry::Match) of a `Permitted<PartnerMatch>`, [`Entry::Touch`](storage::entry::Entry::Touch) of a `Permitted<Touch>`; an [`OptOut`](domain::opt_out::OptOut), [`AccountPrefs`](consent::prefs::AccountPrefs), an [`Erasure`](domain::erasure::Erasure) and an [`Unmatch`](domain::matching::Unmatch) need no permit: they are what people ask of us |
//! | a cookie with an identifier | [`give_id`](http::cookie::give_id) and [`sign`](service::identity::IdentityKeys::sign), both of a `&Permitted<BrowserCookie>` |
//! | a list of whom a partner targets | a [`Targetable`](storage::match_table::Targetable), which only the match table makes, of a stored match whose evidence covers audiences |
//! | a partner | [`pairwise_id`](service::partners::Partner::pairwise_id) of a `&Permitted<Introduction>`, which alone makes what a partner sees as our id |
//!
//! A `Permitted` holds the value and the [`Evidence`](consent::evidence::Evidence) why it may go: regime, legal basis,
//! activities, version of the policy, time. One expression in one file, `consent/gate.rs`, makes one. It cannot be
//! cloned, defaulted, deserialized, mapped or changed; each of these would be a second way in. So permission for one
//! person's hit cannot be spent twice, or spent on somebody else.
//!
//! The gate ([`Gate::admit`](consent::gate::Gate::admit)) is a pure function of the value, what the request says
//! ([`Signals`](consent::signals::Signals)), the policy, the opt-outs and the time. It denies if any
//! [`Rule`](consent::rule::Rule) denies; the order of the rules only picks the reason that is told. What cannot be
//! read counts against storing. Where measuring is permitted and identifying is not, the value goes through without
//! its identifiers. A consent string is decoded once for a request, however many rules and values ask:
//! [`Gate::hear`](consent::gate::Gate::hear) makes a [`Heard`](consent::heard::Heard) of the signals, which holds the
//! answers to what every hit is asked (may it be measured, may it be identified). What only some ask
//! ([`Activity`](consent::activity::Activity): matching, audiences, sharing, linked devices, web history) is read when
//! they do, by what it [needs](consent::need::Need). [`Refused`](consent::refusal::Refused) does not hold the value: it is gone.
//!
//! Two more proofs work the same way. [`Durable`](storage::durable::Durable) says that an entry is as safe as its
//! class promises; only the log's writer makes it, out of the very write or sync, and an answer that says `stored`
//! needs one. [`Caller`](service::caller::Caller) says that somebody authenticated.
//!
//! The programs in `tests/ui/` try to get round all three, as sibling modules of the real sources, and must not
//! compile.
//!
//! **The type is not enough on its own**: an opt-out may come in between the gate and the disk. So the one writer of
//! the log owns the set of the opted-out and looks again, in the order of the log. Nothing in the log after an
//! opt-out is about its subject until an opt-in.
//!
//! # Layers: imports point down
//!
//! | module | may import | what it never does |
//! |---|---|---|
//! | [`domain`] | nothing | no I/O, no async, no clock, no crate but std |
//! | [`consent`] | `domain` | no I/O, no clock, no crate but std: the same inputs give the same answer |
//! | [`storage`] | `domain`, `consent` | makes no `Permitted`, not even of what it reads back; nothing outside it opens a file of the log |
//! | [`service`] | `domain`, `consent`, `storage` | names no header, no status, no type of an HTTP crate |
//! | [`http`] | `domain`, `consent`, `service` | never imports `storage`, and decides nothing |
//! | [`config`] | `domain`, [`consent::policy`], [`consent::tcf`] | nobody else reads the environment |
//! | [`telemetry`] | `domain`, [`consent::policy`] | nobody else reads the environment |
//! | [`app`], [`cli`], `main` | all of them | nobody imports them, but `cli` and `main` |
//!
//! `tests/it/layers.rs` fails on an import that points up, and on a second place for what has one only: a permit is
//! made in `consent/gate.rs`, `Set-Cookie` is named in `http/cookie.rs`, `dashmap` in one file, `ring` in two.
//!
//! # Journeys
//!
//! A request is taken in by [`http::server`]: bounded in number, size and time, its framing read in one way or
//! refused with 400 before anything else looks at it ([`http::framing`]). A pixel's GET is answered straight from the
//! connection's buffer; everything else, and HTTP/2, goes through hyper. Both end in the same
//! [`Service`](http::service::Service) and [`Head`](http::request::Head).
//!
//! 1. **A pixel hit.** [`http::pixel_hit`] reads the query into a borrowed `PixelHit`, [`http::visitor`] reads what
//!    headers, parameters, cookies and address say about consent. [`service::pixel`] looks up pixel and event tag,
//!    drafts a [`Conversion`](domain::conversion::Conversion), asks the gate and appends. Every event of a hit ends in
//!    exactly one [`Outcome`](service::outcome::Outcome), which is counted in one place and told in
//!    `Pixelgate-Outcome`. Refusals and duplicates are outcomes, not errors. The answer is the same image, whatever
//!    the outcome. A new browser gets its id only when the gate permitted the cookie *and* the hit was kept.
//!    Most hits come from the tag in `static/tag/`, which holds events back until the page has consent, and whose files
//!    [`http::tag`] serves. The gate believes it nothing.
//!    What is not stored is counted for its event tag ([`service::tag_watch`]). A hit that is part of an advertiser's test is
//!    shown to them ([`service::test_events`]); both watch what happens, and neither has a say in it.
//! 2. **An ad touch.** [`http::touch`] looks up the link that the path names and asks [`service::touch`], which drafts a
//!    [`Touch`](domain::touch::Touch) and goes the pixel's way. A click is sent on to its
//!    [`LandingPage`](domain::link::LandingPage) whatever the gate and the log say; it takes a click id along only if
//!    it is stored with that. The log's writer has the touches of the last weeks at hand (`storage::touches`), and asks
//!    the rules of [`domain::attribution`] about each conversion of an event tag before it writes it, so that the
//!    credit is stored with the conversion and made anew from the log alone.
//! 3. **An opt-out.** [`http::opt_out`] shows a page and takes a form that only that page can have sent. The choice is
//!    recorded for every id that the browser shows. The writer adds it to its set *before* it writes, and the answer
//!    waits for the disk. The browser's id is taken back, and a mark that is the same for everybody takes its place.
//!    The mark is set again wherever it is seen, and given back to a browser that lost it. The answer leads to a signed
//!    receipt. [`http::daa`] does the same for the Digital Advertising Alliance's page, by redirects.
//! 4. **A cookie match.** [`http::matching`], [`http::match_frame`] and [`http::prebid`] read who is meant and what the browser says of its
//!    cookies; [`service::matching`] asks the gate about both companies. Inbound, a
//!    [`PartnerMatch`](domain::matching::PartnerMatch) goes to the log and from there into the
//!    [`MatchTable`](storage::match_table::MatchTable); outbound, a [`Template`](domain::template::Template) of the
//!    registry is filled, whose scheme and host no request can change. The
//!    [`MatchState`](service::match_state::MatchState) that goes along comes back once: the writer keeps the nonces of
//!    those that have, with the keys of known events.
//! 5. **A person's question.** [`http::privacy`] shows what is stored about the ids that the browser shows, and keeps
//!    its settings in a cookie that names nobody. Settings of an account that the person is signed in to come from its
//!    operator and are in the log; every request that names the account's hash is read with the stricter of both. [`service::privacy`] answers from the log, newest file first, on a
//!    thread of its own that reads one file at a time. [`http::pages`] has what all pages share: frame, look, languages.
//! 6. **Another company's request.** [`http::deletion`] takes a signed request for an erasure
//!    ([`service::deletion`], IAB Tech Lab's Data Deletion Request Framework) and answers with a signed token once the
//!    erasure is on the disk. Its receipt comes out of the request, so that the log itself knows a repetition.
//! 7. **An advertiser's server.** [`http::api`]: who asks ([`AccountCaller`](service::account_caller::AccountCaller)), then
//!    [`service::conversion_upload`] reads every item, has the gate decide about each, and waits for all of them. People of the
//!    same account sign in to [`http::advertiser`] with the same key ([`service::advertiser_session`]); their page is made of counted
//!    rows by a pure function ([`service::advertiser_report`]), which leaves out what is too small to be told
//!    ([`service::small_cells`]), and of the counts of what was not stored ([`service::unstored_report`]).
//! 8. **An operator's question.** [`http::admin`], on a listener of its own: health, readiness, metrics, reload, partners,
//!    campaigns and links ([`service::registration`]; each kind is kept in a file that is replaced as a whole, as event
//!    tags are), and partners' targeting files ([`service::targeting`], read by a thread of its own; what is kept of them is
//!    in [`storage::targeting`]). What waits for the disk without the log, a reload and a change of any of these, runs on
//!    threads that answer nobody else. [`http::dash`] shows people the very text of the metrics as tables. In development
//!    mode it also tells what was stored and what was not, and why. [`http::explain`] runs a hit's query and headers through
//!    the same gate and tells what every rule says and which bits it read; it has no way to the log.
//!
//! # The log is the truth
//!
//! One append-only log for a data directory, one thread that writes it. Workers hand over batches; the writer takes
//! everything that waits, drops duplicates and what is about the opted-out, writes the rest at once, syncs once if any
//! of it asks for that, and answers everybody. No timer holds a commit back: under load the groups grow by themselves.
//!
//! The class of an entry's kind says what an answer waits for: `memory` nothing, `os` the write, `disk` the sync.
//! Opt-outs, settings of accounts and erasures are always `disk`. A sync that failed is not tried again: the file is given up and what was not
//! acknowledged goes to a fresh one.
//!
//! Files are made ready ahead of time, so that a full disk shows while one is prepared and not while a hit waits; the
//! last one is kept for opt-outs. Frames are checksummed with a salt of their file, so that a recycled file's old bytes
//! never pass for new ones. A damaged end with nothing valid behind it is an unfinished write and is cut off; damage
//! before something that was on the disk is a loss, and the server does not start until the operator accepts it
//! (`pixelgate log repair --accept-loss`).
//!
//! What somebody has erased is out of every answer from then on, and out of every file within a configured time: files
//! to which nothing is added any more are copied without it, and the copy takes the file's name (`storage::rewrite`).
//! The same takes out what is past its kind's time. An opt-out of somebody who was erased is kept as a digest.
//!
//! Opted-out subjects, settings of accounts, pending erasures, the keys of known events, ad touches and the match table are
//! derived: they are in memory and come from reading the log at the start. What a conversion was credited to is in its
//! row, with the windows that decided. The row also names on whom else the credit rests, so that the copy of a file from
//! which somebody is erased takes the credit out of rows that stay.
//!
//! # How to add a kind of personal data
//!
//! 1. Describe it in [`domain`]: what it is, in parsed types, with its identifiers apart from the rest.
//! 2. Say what it needs, in `consent/regulated.rs`: one `impl Regulated` (which
//!    [`Activity`](consent::activity::Activity), who it is about, how it forgets its identifiers) and one line in the
//!    seal. If it needs an activity that is not there yet, add that and go through every rule: the compiler asks only
//!    about those that match on it.
//! 3. Give it a variant of [`Entry`](storage::entry::Entry) that takes a `Permitted` of it, and a kind with a class.
//!    The compiler then shows the places that have to learn it: the writer's re-check, the stored form, the export. What it
//!    says in an export is a list of cells in `storage/export.rs`, and a new column one more line in
//!    [`storage::export_columns`]; every format is made of these.
//! 4. Write the use case in [`service`] and the journey in [`http`] under one name.
//! 5. Test over sockets that a refusal leaves the log byte-identical and sets no identifier cookie; add a program to
//!    `tests/ui/` that stores the bare value, and a row to the README's promises.

pub mod app;
pub mod cli;
pub mod config;
pub mod consent;
pub mod domain;
pub mod http;
pub mod service;
pub mod storage;
pub mod telemetry;
