//! What no conversion event may be based on: crime, health and the like.
//!
//! Source: the policies of X for conversion tracking. A category may be declared where the account has an exception, and
//! what says the same in its words without a declaration is refused with it.

use std::fmt;

use super::conversion::Country;
use super::policy_terms::WordList;

/// A sensitive category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    Crime,
    Health,
    GeneticOrBiometric,
    FinancialStatus,
    Politics,
    EthnicOrigin,
    Religion,
    SexLife,
    TradeUnion,
}

impl Category {
    pub const ALL: [Self; 9] = [
        Self::Crime,
        Self::Health,
        Self::GeneticOrBiometric,
        Self::FinancialStatus,
        Self::Politics,
        Self::EthnicOrigin,
        Self::Religion,
        Self::SexLife,
        Self::TradeUnion,
    ];

    /// `TRADE_UNION`, as configuration, API and the list of terms write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crime => "CRIME",
            Self::Health => "HEALTH",
            Self::GeneticOrBiometric => "GENETIC_OR_BIOMETRIC",
            Self::FinancialStatus => "FINANCIAL_STATUS",
            Self::Politics => "POLITICS",
            Self::EthnicOrigin => "ETHNIC_ORIGIN",
            Self::Religion => "RELIGION",
            Self::SexLife => "SEX_LIFE",
            Self::TradeUnion => "TRADE_UNION",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What of an account decides about its exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub country: Option<Country>,
    /// Whether the operator has certified it for political campaigning.
    pub political_certified: bool,
}

impl Standing {
    /// Whether the account may base events on `category`. Only accounts of the United States may at all.
    pub fn may(self, category: Category) -> bool {
        let in_the_us = self.country.is_some_and(|country| country.bytes() == *b"US");
        match category {
            Category::TradeUnion => in_the_us,
            Category::Politics => in_the_us && self.political_certified,
            _ => false,
        }
    }
}

/// Why an event tag may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// It declares this category.
    Declared(Category),
    /// Its name has this term, which is of this category.
    Named(Category, &'static str),
    /// The same, and the account may base events on it where it declares that.
    Undeclared(Category, &'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared(Category::TradeUnion) => {
                f.write_str("TRADE_UNION is for accounts in the United States only")
            }
            Self::Declared(Category::Politics) => {
                f.write_str("POLITICS is for accounts in the United States that are certified for it only")
            }
            Self::Declared(category) => write!(f, "no event may be based on {category}"),
            Self::Named(category, term) => {
                write!(f, "\"{term}\" is of the category {category}, on which no event may be based")
            }
            Self::Undeclared(category, term) => {
                write!(f, "\"{term}\" is of the category {category}, which has to be declared in categories")
            }
        }
    }
}

/// Whether an account of this standing may declare all of these.
pub fn check_declared(declared: &[Category], standing: Standing) -> Result<(), Violation> {
    let refused = declared.iter().find(|category| !standing.may(**category));
    refused.map_or(Ok(()), |category| Err(Violation::Declared(*category)))
}

/// Whether an event tag that declares these may be called `name`.
pub fn check_name(name: &str, declared: &[Category], standing: Standing) -> Result<(), Violation> {
    let violation = WordList::shipped().all_in(name).into_iter().find_map(|(category, term)| {
        match (standing.may(category), declared.contains(&category)) {
            (true, true) => None,
            (true, false) => Some(Violation::Undeclared(category, term)),
            (false, _) => Some(Violation::Named(category, term)),
        }
    });
    violation.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(country: &str, political_certified: bool) -> Standing {
        Standing { country: Country::parse(country), political_certified }
    }

    #[test]
    fn only_the_exceptions_of_the_united_states_may_be_declared() {
        for category in Category::ALL {
            assert_eq!(Category::from_name(category.name()), Some(category));
            for (country, certified) in [("US", true), ("us", false), ("DE", true), ("", true)] {
                let standing = standing(country, certified);
                let expect = match category {
                    Category::TradeUnion => country.eq_ignore_ascii_case("US"),
                    Category::Politics => country == "US" && certified,
                    _ => false,
                };
                assert_eq!(standing.may(category), expect, "{category} {country} {certified}");
                assert_eq!(check_declared(&[category], standing).is_ok(), expect);
            }
        }
        let both = [Category::TradeUnion, Category::Health];
        assert_eq!(check_declared(&both, standing("US", true)), Err(Violation::Declared(Category::Health)));
        assert_eq!(check_declared(&[], standing("", false)), Ok(()));
    }

    #[test]
    fn a_name_with_a_term_needs_the_exception_and_its_declaration() {
        let union = Category::TradeUnion;
        let check =
            |name, declared: &[Category], country| check_name(name, declared, standing(country, false));
        assert_eq!(check("Trade-union sign-up", &[union], "US"), Ok(()));
        assert_eq!(
            check("Trade-union sign-up", &[], "US"),
            Err(Violation::Undeclared(union, "trade union*"))
        );
        assert_eq!(
            check("Trade-union sign-up", &[union], "DE"),
            Err(Violation::Named(union, "trade union*"))
        );
        // One that is permitted hides no other.
        assert_eq!(
            check("Trade unions against HIV", &[union], "US"),
            Err(Violation::Named(Category::Health, "hiv"))
        );
        assert_eq!(check("Purchase", &[], "DE"), Ok(()));
    }
}
