//! Signatures that client libraries make: taken once, and not with a single bit changed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::served::Served;
use crate::world::{Reply, send, stored_in};

struct Signed {
    library: String,
    method: String,
    target: String,
    authorization: String,
    content_type: String,
    body: String,
}

/// Requests to `px.localhost`, which is how [`send`] calls every server.
fn signed() -> Vec<Signed> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oauth");
    let run =
        Command::new("node").current_dir(directory).args(["sign.mjs", ORIGIN]).output().expect("node runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).expect("node writes text");
    let one = |line| {
        let row: Value = serde_json::from_str(line).expect("one JSON object a line");
        let field = |name: &str| row[name].as_str().expect("a text").to_owned();
        Signed {
            library: field("library"),
            method: field("method"),
            target: field("url").strip_prefix(ORIGIN).expect("an address there").to_owned(),
            authorization: field("authorization"),
            content_type: field("contentType"),
            body: field("body"),
        }
    };
    text.lines().map(one).collect()
}

impl Signed {
    fn send(&self, to: SocketAddr, authorization: &str, target: &str) -> Reply {
        let headers = [("Authorization", authorization), ("Content-Type", &*self.content_type)];
        // A GET has no body, and says nothing of one.
        send(to, &self.method, target, &headers, &self.body)
    }
}

#[test]
#[ignore = "takes `npm ci` in tests/oauth; tests/run does both"]
fn signatures_of_two_client_libraries_are_taken_once_and_not_with_any_bit_changed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let served = Served::start(directory.path());
    let requests = signed();
    assert!(requests.len() >= 12, "{}", requests.len());
    let mut changed = 0;
    for request in &requests {
        let name = format!("{} {} {}", request.library, request.method, request.target);
        let (start, end) = signature_of(&request.authorization);
        for bit in 0..160 {
            let other = flipped(&request.authorization[start..end], bit);
            let header =
                format!("{}{other}{}", &request.authorization[..start], &request.authorization[end..]);
            assert_eq!(
                request.send(served.public, &header, &request.target).status,
                401,
                "{name}: bit {bit}"
            );
            changed += 1;
        }
        let more = if request.target.contains('?') { "&more=1" } else { "?more=1" };
        let target = format!("{}{more}", request.target);
        assert_eq!(request.send(served.public, &request.authorization, &target).status, 401, "{name}{more}");
        for (from, to) in [("dev-access-token", "dev2-access-token"), ("oauth_nonce=\"", "oauth_nonce=\"x")] {
            let header = request.authorization.replace(from, to);
            assert_ne!(header, request.authorization);
            assert_eq!(request.send(served.public, &header, &request.target).status, 401, "{name}: {to}");
        }
        let reply = request.send(served.public, &request.authorization, &request.target);
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let again = request.send(served.public, &request.authorization, &request.target);
        assert_eq!(again.status, 401, "{name}: a second time");
    }
    assert_eq!(served.terminate(), Some(0));
    // One conversion of each library; the other was only looked at.
    assert_eq!(stored_in(directory.path()).len(), 2);
    println!("{} signatures taken once, {changed} changed ones refused", requests.len());
}

/// Where the signature stands.
fn signature_of(authorization: &str) -> (usize, usize) {
    let start = authorization.find("oauth_signature=\"").expect("a signature") + "oauth_signature=\"".len();
    let end = start + authorization[start..].find('"').expect("its end");
    (start, end)
}

/// The signature with one bit changed, encoded as it was.
fn flipped(encoded: &str, bit: usize) -> String {
    use data_encoding::BASE64;
    let text = percent_encoding::percent_decode_str(encoded).decode_utf8().expect("text");
    let mut bytes = BASE64.decode(text.as_bytes()).expect("base64");
    bytes[bit / 8] ^= 1 << (bit % 8);
    percent_encoding::utf8_percent_encode(&BASE64.encode(&bytes), percent_encoding::NON_ALPHANUMERIC)
        .to_string()
}

const ORIGIN: &str = "http://px.localhost";
