//! Which values need a permit, and what for. A new kind of personal data is one more `impl Regulated`.

use super::activity::Activity;
use crate::domain::conversion::{Conversion, Identifiers};
use crate::domain::embed_view::EmbedView;
use crate::domain::id::BrowserId;
use crate::domain::matching::{Introduction, PartnerMatch};
use crate::domain::opt_out::{Subject, Subjects};
use crate::domain::touch::Touch;

/// A value that must not leave memory without a permit. Sealed: the list is this file.
pub trait Regulated: sealed::Sealed {
    /// What has to be permitted, or the value is refused.
    fn activity(&self) -> Activity;

    /// What the evidence notes besides, where it is permitted, too. A stored row is used for these only if it does.
    fn noted(&self) -> &'static [Activity] {
        &[]
    }

    /// Who the value is about, as far as it says.
    fn subjects(&self) -> Subjects;

    /// Called where [`Activity::Identify`] is not permitted but [`Self::activity`] is. `false`: without them nothing is
    /// left of the value, so it is refused.
    fn forget_identifiers(&mut self) -> bool;
}

impl Regulated for Conversion {
    fn activity(&self) -> Activity {
        Activity::Measure
    }

    /// Only a hash reaches another device, so that nobody else pays for the question.
    fn noted(&self) -> &'static [Activity] {
        let Identifiers { hashed_email, hashed_phone, .. } = &self.identifiers;
        if hashed_email.is_some() || hashed_phone.is_some() { &[Activity::LinkDevices] } else { &[] }
    }

    fn subjects(&self) -> Subjects {
        let Identifiers { browser_id, hashed_email, hashed_phone, click_id: _ } = &self.identifiers;
        [browser_id.map(Subject::Browser), hashed_email.map(Subject::Email), hashed_phone.map(Subject::Phone)]
    }

    fn forget_identifiers(&mut self) -> bool {
        self.identifiers = Identifiers::default();
        true
    }
}

impl Regulated for Touch {
    fn activity(&self) -> Activity {
        Activity::Measure
    }

    fn noted(&self) -> &'static [Activity] {
        if self.browser_id.is_some() || self.click_id.is_some() { &[Activity::LinkDevices] } else { &[] }
    }

    fn subjects(&self) -> Subjects {
        [self.browser_id.map(Subject::Browser), None, None]
    }

    /// What is left counts how often an ad was seen or clicked on.
    fn forget_identifiers(&mut self) -> bool {
        self.browser_id = None;
        self.click_id = None;
        true
    }
}

impl Regulated for EmbedView {
    fn activity(&self) -> Activity {
        Activity::WebHistory
    }

    fn subjects(&self) -> Subjects {
        [self.browser_id.map(Subject::Browser), None, None]
    }

    fn forget_identifiers(&mut self) -> bool {
        self.browser_id = None;
        true
    }
}

/// The browser id on its way into a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserCookie {
    pub browser_id: BrowserId,
    /// Days since 1970 on which the id was made; it lives from then.
    pub issued_day: u32,
}

impl Regulated for BrowserCookie {
    fn activity(&self) -> Activity {
        Activity::Identify
    }

    fn subjects(&self) -> Subjects {
        [Some(Subject::Browser(self.browser_id)), None, None]
    }

    fn forget_identifiers(&mut self) -> bool {
        false
    }
}

impl Regulated for PartnerMatch {
    fn activity(&self) -> Activity {
        Activity::Match(self.listing)
    }

    fn noted(&self) -> &'static [Activity] {
        &[Activity::Audience]
    }

    fn subjects(&self) -> Subjects {
        let partner_user = Subject::PartnerUser(self.partner_id, self.partner_user_id.hashed());
        [Some(Subject::Browser(self.browser_id)), Some(partner_user), None]
    }

    fn forget_identifiers(&mut self) -> bool {
        false
    }
}

impl Regulated for Introduction {
    fn activity(&self) -> Activity {
        Activity::Match(self.listing)
    }

    fn subjects(&self) -> Subjects {
        [Some(Subject::Browser(self.browser_id)), None, None]
    }

    fn forget_identifiers(&mut self) -> bool {
        false
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Conversion {}
    impl Sealed for super::Touch {}
    impl Sealed for super::EmbedView {}
    impl Sealed for super::BrowserCookie {}
    impl Sealed for super::PartnerMatch {}
    impl Sealed for super::Introduction {}
}
