//! The columns of an export, in one table: their names in every format, and their types in Parquet.

/// What a column's cells are, where they are there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    /// A list of words.
    Words,
    Whole,
    Flag,
    /// In milliseconds, UTC.
    Time,
}

macro_rules! columns {
    ($($column:ident $name:literal $of:ident,)*) => {
        /// All of them, in the order of CSV and Parquet. A row has what its kind has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Column {
            $($column,)*
        }

        impl Column {
            pub const ALL: &[Self] = &[$(Self::$column,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name,)*
                }
            }

            pub const fn of(self) -> ColumnType {
                match self {
                    $(Self::$column => ColumnType::$of,)*
                }
            }
        }
    };
}

columns! {
    Kind "kind" Text,
    Id "id" Text,
    At "at" Time,
    AccountId "account_id" Text,
    PixelId "pixel_id" Text,
    EventTagId "event_tag_id" Text,
    Event "event" Text,
    Source "source" Text,
    EventId "event_id" Text,
    ConversionId "conversion_id" Text,
    ValueMicros "value_micros" Whole,
    Currency "currency" Text,
    Quantity "quantity" Whole,
    BrowserId "browser_id" Text,
    ClickId "click_id" Text,
    MatchKeys "match_keys" Words,
    Page "page" Text,
    Country "country" Text,
    RestrictedDataUse "restricted_data_use" Flag,
    OriginOk "origin_ok" Flag,
    Regime "regime" Text,
    Basis "basis" Text,
    Activities "activities" Words,
    Policy "policy" Text,
    DecidedAt "decided_at" Time,
    Choice "choice" Text,
    Subject "subject" Text,
    HashedId "hashed_id" Text,
    PartnerId "partner_id" Whole,
    PartnerUserId "partner_user_id" Text,
    Scope "scope" Text,
    Proof "proof" Text,
    HashedAccountId "hashed_account_id" Text,
    Personalize "personalize" Flag,
    Partners "partners" Flag,
    Devices "devices" Flag,
    Web "web" Flag,
    Touch "touch" Text,
    Link "link" Text,
    CampaignId "campaign_id" Text,
    LineItemId "line_item_id" Text,
    CreditKind "credit_kind" Text,
    CreditKey "credit_key" Text,
    CreditLink "credit_link" Text,
    CreditCampaignId "credit_campaign_id" Text,
    CreditLineItemId "credit_line_item_id" Text,
    CreditTouchId "credit_touch_id" Text,
    CreditTouchAt "credit_touch_at" Time,
}

impl Column {
    /// Whether every row has it.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Kind | Self::At)
    }

    /// What it is called in the object of its group.
    pub(super) fn name_in_group(self) -> &'static str {
        let start = self.group().and_then(|group| self.name().strip_prefix(group)?.strip_prefix('_'));
        start.unwrap_or(self.name())
    }

    /// The object that this is in, where a format has objects.
    pub(super) const fn group(self) -> Option<&'static str> {
        match self {
            Self::Regime | Self::Basis | Self::Activities | Self::Policy | Self::DecidedAt => {
                Some("evidence")
            }
            Self::CreditKind
            | Self::CreditKey
            | Self::CreditLink
            | Self::CreditCampaignId
            | Self::CreditLineItemId
            | Self::CreditTouchId
            | Self::CreditTouchAt => Some("credit"),
            _ => None,
        }
    }
}
