//! Who calls the administrator's interface.

/// Proof that a request was authenticated. Only [`Keys::authenticate`] makes it, and every use case that an
/// outsider must not reach takes one.
#[derive(Debug)]
pub struct Caller {
    _authenticated: (),
}

/// The secrets that open the administrator's interface.
pub struct Keys {
    admin_token: Option<String>,
    same: fn(&[u8], &[u8]) -> bool,
}

impl Keys {
    /// Without a token nobody is authenticated. `same` compares two secrets in a time that tells nothing of them.
    pub fn new(admin_token: Option<String>, same: fn(&[u8], &[u8]) -> bool) -> Self {
        Self { admin_token, same }
    }

    pub fn authenticate(&self, token: &str) -> Option<Caller> {
        let known = self.admin_token.as_ref()?;
        (self.same)(known.as_bytes(), token.as_bytes()).then_some(Caller { _authenticated: () })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_authenticates() {
        let keys = Keys::new(Some("dev-admin-token".into()), |a, b| a == b);
        assert!(keys.authenticate("dev-admin-token").is_some());
        assert!(keys.authenticate("dev-admin-token ").is_none());
        assert!(keys.authenticate("").is_none());
        assert!(Keys::new(None, |a, b| a == b).authenticate("").is_none());
    }
}
