//! Opting out as a browser does it: fetch the page, send its form back.

use anyhow::{Context, Result, bail};

use super::connection::Connection;
use crate::target::Target;

/// Opts the browser with `id_cookie` (`name=value`) out. Returns once the server has acknowledged it.
///
/// # Errors
/// When the server can't be reached or doesn't accept; it may have recorded the opt-out all the same.
pub(crate) async fn opt_out(connection: &mut Connection, target: Target, id_cookie: &str) -> Result<()> {
    let host = target.address();
    let page = format!("GET /optout HTTP/1.1\r\nHost: {host}\r\n{AGENT}Cookie: {id_cookie}\r\n\r\n");
    let reply = connection.exchange(page.as_bytes()).await?;
    if reply.status != 200 {
        bail!("GET /optout answered {}", reply.status);
    }
    let token = csrf_token(&String::from_utf8_lossy(reply.body)).context("no token on the opt-out page")?;
    // Whatever the page set goes back with the form, as in a browser. The id stays the one that is meant.
    let mut cookies = id_cookie.to_owned();
    for pair in reply.headers("set-cookie").iter().filter_map(|line| line.split(';').next()) {
        if pair.split('=').next() != id_cookie.split('=').next() {
            cookies.push_str("; ");
            cookies.push_str(pair);
        }
    }
    let form = format!("csrf={}", encode(&token));
    let post = format!(
        "POST /optout HTTP/1.1\r\nHost: {host}\r\n{AGENT}Origin: {}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookies}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        target.origin(),
        form.len()
    );
    let reply = connection.exchange(post.as_bytes()).await?;
    match reply.status {
        200..400 => Ok(()),
        status => bail!("POST /optout answered {status}: {}", String::from_utf8_lossy(reply.body)),
    }
}

/// The value of the field `csrf`, whatever the order of its attributes.
fn csrf_token(page: &str) -> Option<String> {
    let field =
        page.split("<input").find(|field| field.contains("name=\"csrf\"") || field.contains("name=csrf"))?;
    let (_, value) = field.split('>').next()?.split_once("value=\"")?;
    value.split('"').next().map(str::to_owned)
}

/// Percent-encodes all but the unreserved characters.
fn encode(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes all that is written");
        }
    }
    encoded
}

const AGENT: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: text/html\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_whatever_the_order() {
        let page = "<form><input type=\"text\" name=\"x\" value=\"1\"><input value=\"a+b\" type=\"hidden\" name=\"csrf\"></form>";
        assert_eq!(csrf_token(page).as_deref(), Some("a+b"));
        assert_eq!(csrf_token("<input name=\"csrf\"><p value=\"no\">"), None);
        assert_eq!(encode("a+b=ü"), "a%2Bb%3D%C3%BC");
    }
}
