//! Reads a request that somebody pasted: an address, a `curl` command, or what went over the wire.

use super::shell;

/// One request, as far as the paste says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// Upper case.
    pub method: String,
    /// Starts with `/`; not decoded.
    pub path: String,
    /// What follows the first `?`, not decoded; empty without one.
    pub query: String,
    /// In the order in which they came.
    pub headers: Vec<(String, String)>,
}

/// Why a paste is not a request. Repeats no more of it than an option's or a header's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasteError {
    #[error("nothing was pasted; expected an address, a curl command, or a raw HTTP request")]
    Empty,
    #[error("neither an address (https://… or /path), nor a curl command, nor a raw HTTP request")]
    Unknown,
    #[error("a quote is opened and not closed")]
    OpenQuote,
    #[error("curl's {0} is not known here; leave it out")]
    Option(String),
    #[error("curl's {0} wants a value")]
    Value(String),
    #[error("curl's {0} names a file, which is not read here; paste what is in it")]
    File(String),
    #[error("the curl command has no address")]
    NoAddress,
    #[error("the address has to start with http://, https:// or /")]
    Address,
    #[error("line {0} is no header; expected \"Name: value\"")]
    Header(usize),
}

impl Pasted {
    /// Takes `text` for what it looks like.
    pub fn parse(text: &str) -> Result<Self, PasteError> {
        let text = text.trim();
        let plain = text.strip_prefix("$ ").unwrap_or(text).trim_start();
        if text.is_empty() {
            Err(PasteError::Empty)
        } else if plain.starts_with("curl ") || plain.starts_with("curl.exe ") {
            from_curl(&shell::split(plain)?)
        } else if looks_raw(text) {
            from_raw(text)
        } else if text.contains(char::is_whitespace) {
            Err(PasteError::Unknown)
        } else {
            let mut request = Self::get();
            request.set_address(text)?;
            Ok(request)
        }
    }

    fn get() -> Self {
        Self { method: "GET".to_owned(), path: "/".to_owned(), query: String::new(), headers: Vec::new() }
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Takes path and query from an absolute address or from `/path?query`; the host becomes the `Host` header
    /// unless there is one.
    fn set_address(&mut self, address: &str) -> Result<(), PasteError> {
        let address = address.split_once('#').map_or(address, |(before, _)| before);
        let target = match strip_scheme(address) {
            Some(rest) => {
                let host_end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, target) = rest.split_at(host_end);
                let host = authority.rsplit('@').next().unwrap_or_default();
                if !self.has_header("Host") {
                    self.headers.insert(0, ("Host".to_owned(), host.to_owned()));
                }
                target
            }
            None if address.starts_with('/') => address,
            None => return Err(PasteError::Address),
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        query.clone_into(&mut self.query);
        Ok(())
    }
}

fn strip_scheme(address: &str) -> Option<&str> {
    ["https://", "http://"].into_iter().find_map(|scheme| {
        let head = address.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &address[scheme.len()..])
    })
}

/// `GET /path HTTP/1.1`, with or without the version.
fn looks_raw(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let mut words = first.split(' ');
    let method =
        words.next().is_some_and(|word| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase()));
    let target = words.next().is_some_and(|word| word.starts_with('/') || strip_scheme(word).is_some());
    method && target
}

fn from_raw(text: &str) -> Result<Pasted, PasteError> {
    let mut request = Pasted::get();
    let mut lines = text.lines().zip(1..);
    let (first, _) = lines.next().ok_or(PasteError::Empty)?;
    let mut words = first.split_whitespace();
    words.next().unwrap_or_default().clone_into(&mut request.method);
    let target = words.next().unwrap_or_default();
    for (line, number) in lines.take_while(|(line, _)| !line.trim().is_empty()) {
        let header = split_header(line).filter(|(name, _)| !name.contains(char::is_whitespace));
        request.headers.push(header.ok_or(PasteError::Header(number))?);
    }
    request.set_address(target)?;
    Ok(request)
}

fn split_header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    (!name.is_empty()).then(|| (name.to_owned(), value.trim().to_owned()))
}

fn from_curl(words: &[String]) -> Result<Pasted, PasteError> {
    let mut request = Pasted::get();
    let (mut address, mut method) = (None, None);
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let Some((option, attached)) = split_option(word) else {
            address = Some(word.clone());
            continue;
        };
        let Some(meaning) = meaning(&option) else { return Err(PasteError::Option(option)) };
        if meaning == Meaning::Nothing {
            continue;
        }
        let value = attached.or_else(|| words.next().cloned());
        let value = if meaning.wants_value() {
            value.ok_or(PasteError::Value(option.clone()))?
        } else {
            String::new()
        };
        match meaning {
            Meaning::Address => address = Some(value),
            Meaning::Method => method = Some(value.to_ascii_uppercase()),
            Meaning::Body => method = method.or(Some("POST".to_owned())),
            Meaning::Header => request.headers.extend(curl_header(&value)),
            Meaning::Cookie if !value.contains('=') => return Err(PasteError::File(option)),
            Meaning::Cookie => request.headers.push(("Cookie".to_owned(), value)),
            Meaning::UserAgent => request.headers.push(("User-Agent".to_owned(), value)),
            Meaning::Referrer => request.headers.push(("Referer".to_owned(), value)),
            Meaning::Nothing | Meaning::Value => {}
        }
    }
    request.method = method.unwrap_or(request.method);
    request.set_address(&with_scheme(&address.ok_or(PasteError::NoAddress)?))?;
    Ok(request)
}

/// curl takes a bare host for `http://`.
fn with_scheme(address: &str) -> String {
    if strip_scheme(address).is_some() { address.to_owned() } else { format!("http://{address}") }
}

/// `Name: value`; `Name;` is a header without a value, and `Name:` takes one away that curl would send.
fn curl_header(text: &str) -> Option<(String, String)> {
    match text.strip_suffix(';').filter(|name| !name.contains(':')) {
        Some(name) => Some((name.to_owned(), String::new())),
        None => split_header(text).filter(|(_, value)| !value.is_empty()),
    }
}

/// An option and the value that is glued to it: `-XPOST`, `--url=…`. Of flags that are glued together (`-sS`) the
/// last is taken, which is the only one that can have a value.
fn split_option(word: &str) -> Option<(String, Option<String>)> {
    if word.starts_with("--") {
        return Some(match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        });
    }
    let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty())?;
    for (at, letter) in letters.char_indices() {
        let option = format!("-{letter}");
        let rest = &letters[at + letter.len_utf8()..];
        match meaning(&option) {
            Some(Meaning::Nothing) if !rest.is_empty() => {}
            _ => return Some((option, (!rest.is_empty()).then(|| rest.to_owned()))),
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Address,
    Method,
    Body,
    Header,
    Cookie,
    UserAgent,
    Referrer,
    /// A flag that changes nothing about the request's head.
    Nothing,
    /// The same with a value.
    Value,
}

impl Meaning {
    fn wants_value(self) -> bool {
        self != Self::Nothing
    }
}

fn meaning(option: &str) -> Option<Meaning> {
    Some(match option {
        "--url" => Meaning::Address,
        "-X" | "--request" => Meaning::Method,
        "-H" | "--header" => Meaning::Header,
        "-b" | "--cookie" => Meaning::Cookie,
        "-A" | "--user-agent" => Meaning::UserAgent,
        "-e" | "--referer" => Meaning::Referrer,
        "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii" | "--data-urlencode" | "--json" => {
            Meaning::Body
        }
        "-s" | "--silent" | "-S" | "--show-error" | "-v" | "--verbose" | "-i" | "--include" | "-L"
        | "--location" | "-k" | "--insecure" | "--compressed" | "-f" | "--fail" | "--http1.1" | "--http2"
        | "-g" | "--globoff" | "-O" | "--path-as-is" | "-4" | "-6" => Meaning::Nothing,
        "-o" | "--output" | "-c" | "--cookie-jar" | "-D" | "--dump-header" | "-w" | "--write-out" | "-m"
        | "--max-time" | "--connect-timeout" | "--resolve" | "--connect-to" | "-x" | "--proxy"
        | "--cacert" => Meaning::Value,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let shown = match Pasted::parse(text) {
            Ok(request) => {
                let headers = request.headers.iter().map(|(name, value)| format!(" {name}={value}"));
                let query =
                    if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
                format!("{} {}{query}{}", request.method, request.path, headers.collect::<String>())
            }
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(shown, expect, "{text:?}");
    }

    #[test]
    fn addresses_are_taken_with_and_without_a_host() {
        check("/i/adsct?txn_id=o8z6j#x", "GET /i/adsct?txn_id=o8z6j");
        check(" https://u:p@px.example:8443/p.gif?a=1?b \n", "GET /p.gif?a=1?b Host=px.example:8443");
        check("HTTP://px.example?a=1", "GET /?a=1 Host=px.example");
        check("px.example/p.gif", "Address");
        check("what is this", "Unknown");
        check(" \n ", "Empty");
    }

    #[test]
    fn curl_commands_are_taken_as_browsers_copy_them() {
        check(
            "curl 'http://px.example/i/adsct?txn_id=o8z6j' \\\n  -H 'Sec-GPC: 1' \\\n  -b 'a=1; b=2' --compressed",
            "GET /i/adsct?txn_id=o8z6j Host=px.example Sec-GPC=1 Cookie=a=1; b=2",
        );
        check("$ curl -sSH \"DNT: 1\" px.example/p.gif", "GET /p.gif Host=px.example DNT=1");
        check("curl -XPOST --url=http://px.example/optout -o /dev/null", "POST /optout Host=px.example");
        check(
            "curl -A 'a b' -e http://shop.example http://p/",
            "GET / Host=p User-Agent=a b Referer=http://shop.example",
        );
        check("curl -d x=1 http://p/optout", "POST /optout Host=p");
        check("curl -H 'Host: real' -H 'Accept:' -H 'X-Empty;' http://p/", "GET / Host=real X-Empty=");
        check("curl $'http://p/?q=\\'\\u0021'", "GET /?q='! Host=p");
    }

    #[test]
    fn curl_commands_that_would_be_guessed_at_are_refused() {
        check("curl --frobnicate http://p/", "Option(\"--frobnicate\")");
        check("curl -Z http://p/", "Option(\"-Z\")");
        check("curl -b jar.txt http://p/", "File(\"-b\")");
        check("curl http://p/ -H", "Value(\"-H\")");
        check("curl -s", "NoAddress");
        check("curl 'http://p/", "OpenQuote");
    }

    #[test]
    fn raw_requests_are_taken_up_to_their_body() {
        check(
            "GET /i/adsct?a=1 HTTP/1.1\r\nHost: px.example\r\nCookie: pg_optout=1\r\n\r\nignored: body",
            "GET /i/adsct?a=1 Host=px.example Cookie=pg_optout=1",
        );
        check("POST /optout\nHost: px", "POST /optout Host=px");
        check("GET http://px.example/p.gif HTTP/1.1", "GET /p.gif Host=px.example");
        check("GET / HTTP/1.1\nno header", "Header(2)");
    }
}
