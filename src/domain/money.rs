//! Amounts of money as whole micros (millionths of the currency unit), never as floating point.

use std::fmt;

/// An amount in millionths of `currency`'s unit: 12.50 USD is 12,500,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    micros: i64,
    currency: Currency,
}

impl Money {
    /// Reads a plain decimal (`12.5`, `.5`, `7`). Digits past the sixth decimal are rounded half up, because
    /// JavaScript writes 12.3 × 3 as 36.900000000000006.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        Ok(Self { micros: parse_micros(amount)?, currency })
    }

    /// What the log stored.
    pub const fn from_micros(micros: i64, currency: Currency) -> Self {
        Self { micros, currency }
    }

    pub const fn micros(self) -> i64 {
        self.micros
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }
}

fn parse_micros(amount: &str) -> Result<i64, InvalidMoney> {
    let amount = amount.trim();
    if amount.is_empty() || amount.len() > AMOUNT_CHARS_MAX {
        return Err(InvalidMoney::NotAnAmount);
    }
    if amount.starts_with('-') {
        return Err(InvalidMoney::Negative);
    }
    let (units, decimals) = amount.split_once('.').unwrap_or((amount, ""));
    if units.is_empty() && decimals.is_empty() {
        return Err(InvalidMoney::NotAnAmount);
    }
    if !units.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidMoney::NotAnAmount);
    }
    let digits = |text: &str, start: i64| {
        text.bytes()
            .try_fold(start, |number, byte| number.checked_mul(10)?.checked_add(i64::from(byte - b'0')))
    };
    let micros = decimals.bytes().chain(std::iter::repeat(b'0')).take(DECIMALS);
    let micros = micros.fold(0_i64, |number, byte| number * 10 + i64::from(byte - b'0'));
    let rounding = i64::from(decimals.as_bytes().get(DECIMALS).is_some_and(|&byte| byte >= b'5'));
    digits(units, 0)
        .and_then(|units| units.checked_mul(1_000_000))
        .and_then(|units| units.checked_add(micros + rounding))
        .ok_or(InvalidMoney::TooLarge)
}

const DECIMALS: usize = 6;
const AMOUNT_CHARS_MAX: usize = 32;

/// Why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidMoney {
    NotAnAmount,
    Negative,
    TooLarge,
    UnknownCurrency,
}

impl fmt::Display for InvalidMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnAmount => "the amount is not a plain decimal number such as 12.50",
            Self::Negative => "the amount is negative",
            Self::TooLarge => "the amount is over 9223372036854.775807",
            Self::UnknownCurrency => "the currency is not an ISO 4217 code such as USD",
        })
    }
}

impl std::error::Error for InvalidMoney {}

/// An ISO 4217 alphabetic code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const USD: Self = Self(*b"USD");

    /// Reads a code in any case.
    pub fn parse(code: &str) -> Result<Self, InvalidMoney> {
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| InvalidMoney::UnknownCurrency)?;
        let upper = bytes.map(|byte| byte.to_ascii_uppercase());
        CODES.binary_search(&&upper).map(|_| Self(upper)).map_err(|_| InvalidMoney::UnknownCurrency)
    }

    pub const fn bytes(self) -> [u8; 3] {
        self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// ISO 4217 list one, active codes of money that a shop can charge (no metals, no testing codes), sorted.
#[rustfmt::skip]
const CODES: &[&[u8; 3]] = &[
    b"AED", b"AFN", b"ALL", b"AMD", b"AOA", b"ARS", b"AUD", b"AWG", b"AZN", b"BAM", b"BBD", b"BDT", b"BHD",
    b"BIF", b"BMD", b"BND", b"BOB", b"BRL", b"BSD", b"BTN", b"BWP", b"BYN", b"BZD", b"CAD", b"CDF", b"CHF",
    b"CLF", b"CLP", b"CNY", b"COP", b"CRC", b"CUP", b"CVE", b"CZK", b"DJF", b"DKK", b"DOP", b"DZD", b"EGP",
    b"ERN", b"ETB", b"EUR", b"FJD", b"FKP", b"GBP", b"GEL", b"GHS", b"GIP", b"GMD", b"GNF", b"GTQ", b"GYD",
    b"HKD", b"HNL", b"HTG", b"HUF", b"IDR", b"ILS", b"INR", b"IQD", b"IRR", b"ISK", b"JMD", b"JOD", b"JPY",
    b"KES", b"KGS", b"KHR", b"KMF", b"KPW", b"KRW", b"KWD", b"KYD", b"KZT", b"LAK", b"LBP", b"LKR", b"LRD",
    b"LSL", b"LYD", b"MAD", b"MDL", b"MGA", b"MKD", b"MMK", b"MNT", b"MOP", b"MRU", b"MUR", b"MVR", b"MWK",
    b"MXN", b"MYR", b"MZN", b"NAD", b"NGN", b"NIO", b"NOK", b"NPR", b"NZD", b"OMR", b"PAB", b"PEN", b"PGK",
    b"PHP", b"PKR", b"PLN", b"PYG", b"QAR", b"RON", b"RSD", b"RUB", b"RWF", b"SAR", b"SBD", b"SCR", b"SDG",
    b"SEK", b"SGD", b"SHP", b"SLE", b"SOS", b"SRD", b"SSP", b"STN", b"SVC", b"SYP", b"SZL", b"THB", b"TJS",
    b"TMT", b"TND", b"TOP", b"TRY", b"TTD", b"TWD", b"TZS", b"UAH", b"UGX", b"USD", b"UYU", b"UZS", b"VED",
    b"VES", b"VND", b"VUV", b"WST", b"XAF", b"XCD", b"XCG", b"XOF", b"XPF", b"YER", b"ZAR", b"ZMW", b"ZWG",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(amount: &str, expect: Result<i64, InvalidMoney>) {
        let found = Money::parse(amount, Currency::USD).map(Money::micros);
        assert_eq!(found, expect, "{amount:?}");
    }

    #[test]
    fn amounts_become_micros() {
        check("12.5", Ok(12_500_000));
        check("0", Ok(0));
        check(".5", Ok(500_000));
        check("7.", Ok(7_000_000));
        check(" 7 ", Ok(7_000_000));
        check("36.900000000000006", Ok(36_900_000));
        check("0.0000005", Ok(1));
        check("0.9999999", Ok(1_000_000));
        check("9223372036854.775807", Ok(i64::MAX));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        check("", Err(InvalidMoney::NotAnAmount));
        check(".", Err(InvalidMoney::NotAnAmount));
        check("NaN", Err(InvalidMoney::NotAnAmount));
        check("1e309", Err(InvalidMoney::NotAnAmount));
        check("1,5", Err(InvalidMoney::NotAnAmount));
        check("+5", Err(InvalidMoney::NotAnAmount));
        check("１", Err(InvalidMoney::NotAnAmount));
        check("-5", Err(InvalidMoney::Negative));
        check(&"9".repeat(40), Err(InvalidMoney::NotAnAmount));
        check(&"9".repeat(32), Err(InvalidMoney::TooLarge));
        check("9223372036854.775808", Err(InvalidMoney::TooLarge));
        check("9223372036854.7758079", Err(InvalidMoney::TooLarge));
    }

    #[test]
    fn currencies_are_those_of_iso_4217() {
        assert!(CODES.is_sorted());
        assert_eq!(Currency::parse("usd"), Ok(Currency::USD));
        assert_eq!(Currency::parse("EUR").map(|code| code.to_string()), Ok("EUR".to_owned()));
        for code in ["", "US", "XXX", "USDT", "ÄB"] {
            assert_eq!(Currency::parse(code), Err(InvalidMoney::UnknownCurrency), "{code:?}");
        }
    }
}
