//! The page for a partner that needs several pixels: one address of its own for each, if the browser may be sent there.

use super::hit::Visitor;
use super::match_metrics::Step;
use super::matching::{Errand, ErrandTarget};
use super::outcome::{Invalid, Outcome};
use super::partners::{ConsentTexts, Partner, Target};
use super::pixel::PixelService;
use super::storage_access::StorageAccess;
use crate::consent::gate::Permitted;
use crate::consent::regulated::BrowserCookie;
use crate::domain::opt_out::OptOutView;

/// What the page is made of.
pub struct Frame {
    /// Of the images.
    pub locations: Vec<String>,
    /// Where they may come from, as they are registered, each once.
    pub origins: Vec<String>,
    /// The id to give the browser, where it has none.
    pub cookie: Option<Permitted<BrowserCookie>>,
}

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// The page of the partner of that name or number for this browser, or why there is none. Stores nothing.
    pub fn frame(
        &self,
        name: &str,
        storage_access: StorageAccess,
        visitor: &Visitor<'_>,
        texts: &ConsentTexts<'_>,
    ) -> Result<Frame, Outcome> {
        let live = self.live.load();
        let partner = live.partners.find_matched(name);
        let framed = partner.map_err(Outcome::Invalid).and_then(|partner| {
            // A browser that is new is the same one to all of them.
            let cookie = self.cookie_of(visitor).ok_or(Outcome::Invalid(Invalid::NoBrowserId))?;
            let pixels = (0..).zip(&partner.pixels).map(|(at, _)| {
                let target = ErrandTarget::Ask(Target::Pixel(at));
                let errand = Errand { partner: name, target, storage_access };
                self.send_to(partner, &errand, (visitor, cookie), texts, &live)
            });
            let mut sent: Vec<_> = pixels.collect::<Result<_, _>>()?;
            let first = sent.first_mut().ok_or(Outcome::Invalid(Invalid::UnknownCallback))?;
            let cookie = first.cookie.take();
            let locations = sent.into_iter().map(|sent| sent.location).collect();
            Ok(Frame { locations, origins: origins(partner), cookie })
        });
        let name = live.partners.find(name).map(|partner| &*partner.name);
        self.matches_seen.count_sent(Step::Started, name, storage_access, &framed);
        framed
    }
}

fn origins(partner: &Partner) -> Vec<String> {
    let mut origins: Vec<String> = partner.pixels.iter().map(|pixel| pixel.origin().to_owned()).collect();
    origins.sort();
    origins.dedup();
    origins
}

/// Where the page is, under the `host` that we were asked at and by the scheme of who asked, with what the request said
/// about consent.
pub(super) fn address(host: &str, partner: &Partner, texts: &ConsentTexts<'_>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(texts.pairs());
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("//{host}/match/{}/frame{mark}{query}", partner.name)
}
