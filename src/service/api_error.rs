//! What the advertisers' API says is wrong with a request, in X's words and shape.

use std::borrow::Cow;

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiError {
    /// A stable word for machines: `INVALID_PARAMETER`.
    pub code: &'static str,
    pub message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Cow<'static, str>>,
}

impl ApiError {
    pub fn invalid(parameter: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: "INVALID_PARAMETER", message: message.into(), parameter: Some(parameter.into()) }
    }

    pub fn missing(parameter: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: "MISSING_PARAMETER", ..Self::invalid(parameter, message) }
    }

    pub fn not_found(parameter: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: NOT_FOUND, ..Self::invalid(parameter, message) }
    }

    /// About the field of one item of a list: `conversions[3].event_id`, from 0.
    #[must_use]
    pub fn of_item(self, list: &str, number: usize) -> Self {
        let field = self.parameter.unwrap_or_default();
        Self { parameter: Some(format!("{list}[{number}].{field}").into()), ..self }
    }
}

/// All that is wrong with a request, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiErrors(Vec<ApiError>);

impl ApiErrors {
    pub fn one(error: ApiError) -> Self {
        Self(vec![error])
    }

    /// The object that the path names; the same for one that is somebody else's.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self(vec![ApiError { code: NOT_FOUND, message: message.into(), parameter: None }])
    }

    /// At least one.
    pub fn of(errors: impl Iterator<Item = ApiError>) -> Self {
        Self(errors.collect())
    }

    pub fn none_or(errors: Vec<ApiError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    pub fn list(&self) -> &[ApiError] {
        &self.0
    }

    /// Whether what was asked for is not there, and nothing else is wrong.
    pub fn is_not_found(&self) -> bool {
        self.0.iter().all(|error| error.code.ends_with(NOT_FOUND))
    }
}

const NOT_FOUND: &str = "NOT_FOUND";
