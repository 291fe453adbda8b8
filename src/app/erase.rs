//! Erases in a data directory that no server is running on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{AppError, Environment};
use crate::domain::opt_out::Subject;
use crate::service::erasure::ErasureService;
use crate::storage::erasures::ErasureRequest;
use crate::storage::log::Log;
use crate::storage::options::LogOptions;
use crate::storage::targeting::TargetingStore;

/// Returns once nothing that was stored about any of `subjects` is left in a file of `data_dir`.
pub fn erase(
    data_dir: &Path,
    environment: Environment,
    subjects: &[Subject],
) -> Result<ErasureRequest, AppError> {
    let Environment { clock, rng, disk } = environment;
    let options =
        LogOptions { erase_within: Duration::ZERO, file_bytes: FILE_BYTES, ..LogOptions::default() };
    let (log, _) = Log::open(data_dir, options, disk.clone(), clock.clone(), rng.clone())?;
    let erasures = log.erasures();
    let (appender, batcher) = log.appender(tokio::task::yield_now);
    let service = ErasureService {
        log: appender,
        erasures: Arc::clone(&erasures),
        clock: clock.clone(),
        rng,
        within: Duration::ZERO,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(AppError::Runtime)?;
    let receipt = runtime.block_on(async {
        tokio::select! {
            receipt = service.erase(subjects) => Some(receipt),
            () = batcher => None,
        }
    });
    let failed = |why: String| AppError::Part(format!("the erasure is not done: {why}"));
    let receipt = receipt.ok_or_else(|| failed("the log has closed".to_owned()))?;
    let receipt = receipt.map_err(|error| failed(error.to_string()))?;
    if !erasures.wait(PATIENCE) {
        let why = erasures.failure().unwrap_or_default();
        return Err(failed(format!("{why}; it is on record, and the next start goes on with it")));
    }
    // Its rows of the match table are gone, and so is whom they were about.
    let store = TargetingStore::open(disk, data_dir, log.matches());
    let swept = store.and_then(|store| store.sweep(clock.now()));
    swept.map_err(|error| failed(format!("targeting lists could not be swept: {error}")))?;
    log.close()?;
    erasures.get(receipt.id).ok_or_else(|| failed("nothing is known of it".to_owned()))
}

/// The file that the log goes on in is a new one; a server makes its own.
const FILE_BYTES: u64 = 1 << 20;
/// There is no hurry, and no answer before it is done.
const PATIENCE: Duration = Duration::from_secs(30 * 86_400);
