//! An embed: a visit to somebody's page that shows content of ours, noted if the person lets us.

use std::future::Future;

use super::hit::Visitor;
use super::outcome::{Invalid, Outcome};
use super::pixel::PixelService;
use crate::consent::rule::Circumstances;
use crate::domain::embed_view::EmbedView;
use crate::domain::opt_out::OptOutView;
use crate::storage::entry::Entry;

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// Decides, and hands to the log what may be stored. Uses the id of a browser that has one, and gives none.
    pub fn record_embed<'s>(
        &'s self,
        href: Option<&str>,
        visitor: &Visitor<'_>,
    ) -> impl Future<Output = Outcome> + Send + use<'s, V> {
        let view = href.and_then(|href| self.page(href)).map(|page| EmbedView {
            id: self.new_event_id(visitor.at),
            at: visitor.at,
            page,
            browser_id: visitor.browser.id(),
            country: visitor.signals.country(),
        });
        let appended = view.ok_or(Outcome::Invalid(Invalid::BadHref)).and_then(|view| {
            let live = self.live.load();
            let heard = live.gate.hear(&visitor.signals);
            self.metrics.malformed_accounts.inc_by(u64::from(visitor.signals.malformed_accounts()));
            let about = Circumstances {
                heard: &heard,
                directed_to_children: false,
                opt_outs: &*self.opt_outs,
                now: visitor.at,
            };
            let id = view.id;
            let permitted = live.gate.admit(view, &about);
            let permitted = permitted.map_err(|refused| Outcome::Refused(refused.reason))?;
            Ok((id, self.log.append(Entry::EmbedView(permitted))))
        });
        let at = visitor.at;
        async move {
            let outcome = match appended {
                Ok((id, append)) => Outcome::of_append(id, append.await),
                Err(outcome) => outcome,
            };
            self.metrics.count(&outcome);
            if let Some(journal) = &self.journal {
                journal.note(at, &outcome);
            }
            outcome
        }
    }
}
