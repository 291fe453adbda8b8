//! Cookie matches by redirect and by image: `/match/{partner}`, `/match/{partner}/start`, `/getuid`, and the pixel's own
//! path for partners.
//!
//! No request says where it leads to: it names an address that the operator has registered, or it leads nowhere.

use std::borrow::Cow;

use super::cookie;
use super::pixel;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor::{self, decode, parameter, parameters};
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Timestamp;
use crate::service::live::Live;
use crate::service::matching::{Errand, ErrandTarget, GivenMatch, RecordedMatch, Sent};
use crate::service::outcome::{Invalid, Outcome};
use crate::service::partners::ConsentTexts;
use crate::service::pixel::PixelService;
use crate::service::storage_access::StorageAccess;

/// `/match/{partner}?uid=…`, or the pixel's path with `p_id` and `p_user_id`: stores what the partner calls the browser.
pub fn inbound<'s, V: OptOutView + Send + Sync>(
    service: &'s PixelService<V>,
    head: &Head<'_>,
    partner: Option<&str>,
) -> Answering<'s> {
    let live = service.live.load();
    let at = service.clock.now();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, at, |_, _| {});
    let given = match given(head, partner) {
        Ok(given) => given,
        Err(invalid) => return Answering::Now(answer(&Outcome::Invalid(invalid))),
    };
    let is_pixel = partner.is_none();
    let recording = service.record_match(&given, &visitor);
    Answering::later(async move {
        let recorded = recording.await;
        let mut answer = answer(&recorded.outcome);
        // The pixel's path answers with the pixel whatever the parameters are, as it always has.
        let not_matched =
            matches!(recorded.outcome, Outcome::Invalid(Invalid::UnknownPartner | Invalid::NotMatched));
        if is_pixel && not_matched {
            answer.status = 200;
        }
        with_cookie(answer, service, &recorded)
    })
}

/// Gives the browser its id where it is to have one.
pub(super) fn with_cookie<V>(answer: Answer, service: &PixelService<V>, recorded: &RecordedMatch) -> Answer {
    let Some(cookie) = &recorded.cookie else { return answer };
    cookie::give_id(answer, cookie, &service.live.load(), recorded.for_one_site, service.clock.now())
}

/// `/match/{partner}/start?r=…`: sends the browser to the partner, who is to send it back with its id.
pub fn start<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    head: &Head<'_>,
    partner: &str,
) -> Answer {
    let callback = parameter(head, "r");
    go(service, head, partner, ErrandTarget::Start(callback.as_deref()))
}

/// `/getuid?partner=…&r=…`: tells the partner our id for the browser.
pub fn introduce<V: OptOutView + Send + Sync>(service: &PixelService<V>, head: &Head<'_>) -> Answer {
    let (partner, callback) = (parameter(head, "partner"), parameter(head, "r"));
    let callback = callback.unwrap_or_default();
    go(service, head, &partner.unwrap_or_default(), ErrandTarget::Introduce(&callback))
}

fn go<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    head: &Head<'_>,
    partner: &str,
    target: ErrandTarget<'_>,
) -> Answer {
    if names_an_address(head) {
        return answer(&Outcome::Invalid(Invalid::ForeignRedirect));
    }
    let live = service.live.load();
    let at = service.clock.now();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, at, |_, _| {});
    let errand = Errand { partner, target, storage_access: storage_access(head) };
    match service.send(&errand, &visitor, &consent_texts(head)) {
        Ok(sent) => redirect(sent, &live, at),
        Err(outcome) => answer(&outcome),
    }
}

fn redirect(sent: Sent, live: &Live, now: Timestamp) -> Answer {
    let answer = Answer::redirect(sent.location)
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "no-referrer")
        .with("Cross-Origin-Resource-Policy", "cross-origin");
    match &sent.cookie {
        Some(cookie) => cookie::give_id(answer, cookie, live, false, now),
        None => answer,
    }
}

/// What the request said about consent, as it is passed on.
pub(super) fn consent_texts<'q>(head: &Head<'q>) -> ConsentTexts<'q> {
    let mut texts = ConsentTexts::default();
    for (name, raw) in parameters(head) {
        let field = match &*name {
            "gdpr" => &mut texts.gdpr,
            "gdpr_consent" => &mut texts.gdpr_consent,
            "us_privacy" => &mut texts.us_privacy,
            "gpp" => &mut texts.gpp,
            "gpp_sid" => &mut texts.gpp_sid,
            _ => continue,
        };
        if field.is_none() {
            *field = Some(decode(raw));
        }
    }
    texts
}

/// Whether third-party cookies work where the request was made, as far as the browser says.
pub(super) fn storage_access(head: &Head<'_>) -> StorageAccess {
    StorageAccess::of_headers(head.header("sec-fetch-storage-access"), head.header("sec-fetch-site"))
}

/// What the request brings; `partner` where the path names it.
pub(super) fn given<'q>(head: &Head<'q>, partner: Option<&'q str>) -> Result<GivenMatch<'q>, Invalid> {
    if names_an_address(head) {
        return Err(Invalid::ForeignRedirect);
    }
    let mut given = GivenMatch {
        partner: partner.map(Cow::Borrowed).unwrap_or_default(),
        user_id: None,
        state: None,
        signature: None,
        storage_access: storage_access(head),
    };
    let (mut time, mut code) = (None, None);
    for (name, raw) in parameters(head) {
        match &*name {
            "p_id" | "bidder" if given.partner.is_empty() => given.partner = decode(raw),
            "uid" | "p_user_id" if given.user_id.is_none() => given.user_id = Some(decode(raw)),
            "state" if given.state.is_none() => given.state = Some(decode(raw)),
            "ts" if time.is_none() => time = Some(decode(raw)),
            "sig" if code.is_none() => code = Some(decode(raw)),
            _ => {}
        }
    }
    given.signature = match (time, code) {
        (None, None) => None,
        (time, code) => Some((time.unwrap_or_default(), code.unwrap_or_default())),
    };
    Ok(given)
}

/// Whether the request says where it wants to be led. Nobody is led there.
pub(super) fn names_an_address(head: &Head<'_>) -> bool {
    parameters(head).any(|(name, _)| ADDRESS_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

const ADDRESS_PARAMETERS: [&str; 6] = ["redir", "redirect", "redirect_uri", "redirect_url", "rurl", "url"];

/// The image, whatever happened; a request that is wrong in itself gets 400.
fn answer(outcome: &Outcome) -> Answer {
    let mut answer = pixel::with_outcomes(pixel::image(), std::slice::from_ref(outcome));
    if is_bad_request(outcome) {
        answer.status = 400;
    }
    answer
}

/// Whether it is the request that is wrong, and not merely an id that a partner made up.
pub(super) const fn is_bad_request(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Invalid(invalid) => matches!(
            invalid,
            Invalid::BadState
                | Invalid::BadSignature
                | Invalid::Unsigned
                | Invalid::UnknownPartner
                | Invalid::NotMatched
                | Invalid::UnknownCallback
                | Invalid::ForeignRedirect
        ),
        Outcome::Rejected(rejection) => rejection.is_used_state(),
        _ => false,
    }
}
