//! The vendor list, from the configuration into the policy.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;

use crate::config::{Config, VendorListError};
use crate::consent::policy::Policy;
use crate::consent::tcf::vendor_list::VendorList;
use crate::service::live::Live;
use crate::service::vendor_list::VendorListStatus;

/// The list to start with. One that cannot be used never stops the server: where the GDPR applies, it only refuses
/// then.
pub(super) fn at_start(config: &Config) -> Option<Arc<VendorList>> {
    load(config).unwrap_or_else(|error| without(&error))
}

/// The list after a reload. One that cannot be used does not take away the one in force: the error says why it has to
/// stay.
pub(super) fn at_reload(config: &Config, before: &Live) -> Result<Option<Arc<VendorList>>, String> {
    match load(config) {
        Err(error) if before.gate.policy().vendors.is_some() => Err(with_causes(&error)),
        Err(error) => Ok(without(&error)),
        Ok(list) => Ok(list),
    }
}

/// Tells the operator's log which list is in force.
pub(super) fn report(status: Option<VendorListStatus>) {
    match status {
        Some(status) if status.counts() => tracing::info!(%status, "vendor list"),
        Some(status) => tracing::warn!(%status, "vendor list: nothing is permitted where the GDPR applies"),
        None => {}
    }
}

pub(super) fn policy(config: &Config, vendors: Option<Arc<VendorList>>) -> Policy {
    Policy { vendors, ..config.policy.clone() }
}

/// `Ok(None)` where the configuration names no list.
fn load(config: &Config) -> Result<Option<Arc<VendorList>>, VendorListError> {
    config.vendor_list.as_ref().map(|source| source.load().map(Arc::new)).transpose()
}

fn without(error: &VendorListError) -> Option<Arc<VendorList>> {
    tracing::warn!(error = with_causes(error), "there is no vendor list");
    None
}

pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let all = successors(Some(error), |&error| error.source()).map(ToString::to_string);
    all.collect::<Vec<_>>().join(": ")
}
