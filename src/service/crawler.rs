//! Which user agents are known crawlers.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use regex::bytes::{RegexSet, RegexSetBuilder};

/// The known crawlers, and what was asked lately.
pub struct Crawlers {
    patterns: RegexSet,
    hasher: RandomState,
    /// 1,500 patterns take microseconds, and browsers come by the thousand. A slot holds the keyed hash of the user
    /// agent that was asked last among those that share it, with the answer in place of the hash's lowest bit.
    lately: Box<[AtomicU64]>,
}

impl Crawlers {
    /// The list that the project ships, without [`LIBRARIES`].
    pub fn shipped() -> Self {
        let list = include_str!("../../static/crawlers/crawler-user-agents.json");
        let patterns: Vec<String> =
            serde_json::from_str(list).expect("the shipped list is a JSON array of texts");
        let crawlers = patterns.iter().filter(|pattern| !LIBRARIES.contains(&pattern.as_str()));
        let patterns = RegexSetBuilder::new(crawlers)
            .size_limit(AUTOMATON_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .unicode(false)
            .build();
        Self {
            patterns: patterns.expect("the shipped patterns are regular expressions"),
            hasher: RandomState::new(),
            lately: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub fn is_crawler(&self, user_agent: &[u8]) -> bool {
        let user_agent = &user_agent[..user_agent.len().min(USER_AGENT_BYTES_MAX)];
        // Never 0, which is an empty slot.
        let hash = self.hasher.hash_one(user_agent) | 1 << 63;
        let slot = &self.lately[(hash >> 1) as usize % SLOTS];
        let known = slot.load(Ordering::Relaxed);
        if known | 1 == hash | 1 {
            return known & 1 == 1;
        }
        let found = self.patterns.is_match(user_agent);
        slot.store(hash & !1 | u64::from(found), Ordering::Relaxed);
        found
    }
}

/// Patterns of the list that stand for HTTP libraries and tools: a person trying the pixel out, an app, or a
/// server that passes its visitors' hits on. None of them crawls by itself.
const LIBRARIES: &[&str] = &[
    "^curl",
    "[wW]get",
    "^HTTPie\\/",
    "python-requests",
    "Python-urllib",
    "aiohttp",
    "httpx",
    "Go-http-client",
    "okhttp",
    "axios",
    "node-fetch",
    "^Apache-HttpClient",
    "libwww-perl",
];

const AUTOMATON_BYTES_MAX: usize = 64 << 20;
const USER_AGENT_BYTES_MAX: usize = 512;
const SLOTS: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawlers_are_told_from_browsers_and_libraries() {
        let crawlers = Crawlers::shipped();
        for agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
            "facebookexternalhit/1.1",
        ] {
            // Twice, because the second answer comes from memory.
            assert!(
                crawlers.is_crawler(agent.as_bytes()) && crawlers.is_crawler(agent.as_bytes()),
                "{agent}"
            );
        }
        for agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
            "curl/8.5.0",
            "okhttp/4.9",
            "",
            "\u{fffd}",
        ] {
            assert!(
                !crawlers.is_crawler(agent.as_bytes()) && !crawlers.is_crawler(agent.as_bytes()),
                "{agent}"
            );
        }
    }

    #[test]
    fn what_is_left_out_is_on_the_list() {
        let list = include_str!("../../static/crawlers/crawler-user-agents.json");
        let patterns: Vec<String> = serde_json::from_str(list).expect("a JSON array of texts");
        for library in LIBRARIES {
            assert!(patterns.iter().any(|pattern| pattern == library), "{library}");
        }
    }
}
