//! Where Amazon is.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Which of Amazon's endpoints serves a seller's marketplaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Region {
    /// North and South America.
    Na,
    /// Europe, Middle East, Africa and India.
    Eu,
    /// Far East and Australia.
    Fe,
}

impl Region {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Na, Self::Eu, Self::Fe];

    /// `na`, `eu` or `fe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Na => "na",
            Self::Eu => "eu",
            Self::Fe => "fe",
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|region| region.name() == name).ok_or("expected na, eu or fe")
    }
}

/// Addresses, without a slash at their end.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Of the API, in the order of [`Region::ALL`].
    pub api: [String; 3],
    /// Of the pages where sellers give their consent, in the same order.
    pub seller_central: [String; 3],
    /// Of the login.
    pub login: String,
}

impl Endpoints {
    /// Amazon's own.
    pub fn amazon() -> Self {
        let region = |region: Region| format!("https://sellingpartnerapi-{region}.amazon.com");
        let pages = ["sellercentral.amazon.com", "sellercentral-europe.amazon.com", "sellercentral.amazon.co.jp"];
        Self {
            api: Region::ALL.map(region),
            seller_central: pages.map(|host| format!("https://{host}")),
            login: "https://api.amazon.com".to_owned(),
        }
    }

    /// A sandbox of ours, which serves all of them at one address.
    pub fn sandbox(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        Self {
            api: Region::ALL.map(|region| format!("{base}/{region}")),
            seller_central: Region::ALL.map(|_| base.to_owned()),
            login: base.to_owned(),
        }
    }

    pub(crate) fn api(&self, region: Region) -> &str {
        &self.api[region as usize]
    }

    /// The page where a seller gives consent and is sent back from, with `spapi_oauth_code`, `state` and `selling_partner_id`.
    /// `redirect_uri` has to be registered with the application.
    ///
    /// # Errors
    /// When the configured address is none.
    pub fn consent(
        &self,
        region: Region,
        application: &str,
        state: &str,
        redirect_uri: &str,
    ) -> Result<Url, url::ParseError> {
        let page = format!("{}/apps/authorize/consent", self.seller_central[region as usize]);
        let query = [("application_id", application), ("state", state), ("redirect_uri", redirect_uri)];
        Url::parse_with_params(&page, query)
    }
}
