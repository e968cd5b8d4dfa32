//! What notify reads from the environment, beyond what every service reads.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use providers::fetch::{Fetcher, LoopbackToo, SystemNames};
use providers::push::ServiceAccount;
use providers::sms::SmsConfig;
use providers::smtp::{Protection, SmtpConfig};
use service_kit::config::{FromEnv, Reader, Secret, Var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};
use shared_events::notify::Channel;

const SMTP_HOST: Var = Var::new("SMTP_HOST", "mail server that mails are handed to; absent = no mails are sent");
const SMTP_PORT: Var = Var::or("SMTP_PORT", "587", "port of the mail server");
const SMTP_TLS: Var = Var::or("SMTP_TLS", "starttls", "starttls, tls, or none for a server on the same machine");
const SMTP_USERNAME: Var = Var::new("SMTP_USERNAME", "user name at the mail server; absent = it asks for none");
const SMTP_PASSWORD: Var = Var::new("SMTP_PASSWORD", "password at the mail server");
const MAIL_FROM: Var = Var::new("MAIL_FROM", "who mails are from: Shop <shop@example.com>; needed with SMTP_HOST");
const TWILIO_SID: Var = Var::new("TWILIO_ACCOUNT_SID", "Twilio account; absent = no text messages are sent");
const TWILIO_TOKEN: Var = Var::new("TWILIO_AUTH_TOKEN", "the account's token");
const TWILIO_FROM: Var = Var::new("TWILIO_FROM", "number that texts are from, or a messaging service (MG...)");
const TWILIO_URL: Var =
    Var::or("TWILIO_API_URL", "https://api.twilio.com", "where Twilio's API is, or a stand-in for it");
const FCM_ACCOUNT: Var = Var::new(
    "FCM_SERVICE_ACCOUNT",
    "base64 of the JSON file of a Firebase service account; absent = no push messages are sent",
);
const FCM_URL: Var =
    Var::or("FCM_API_URL", "https://fcm.googleapis.com", "where Firebase's API is, or a stand-in for it");
const PUBLIC_URL: Var = Var::new(
    "NOTIFY_PUBLIC_URL",
    "https://api.shop.example, where readers of mails and Twilio reach the BFF; absent = no links to unsubscribe by, and no news of texts",
);
const DISABLE_AFTER: Var =
    Var::or("WEBHOOK_DISABLE_AFTER_HOURS", "72", "hours of nothing but failures after which a webhook is switched off");
const LOOPBACK: Var = Var::or(
    "WEBHOOK_ALLOW_LOOPBACK",
    "false",
    "true lets webhooks lead to this machine, by http:// too; development on loopback only",
);
const MODE: Var = Var::or("RECOUP_ENV", "production", "development or production");

/// What notify reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Opens what the BFF sealed: addresses and secrets.
    pub key: SealingKey,
    /// How mails are sent, and who they are from.
    pub smtp: Option<(SmtpConfig, String)>,
    /// How text messages are sent.
    pub sms: Option<SmsConfig>,
    /// How push messages are sent.
    pub push: Option<(String, ServiceAccount)>,
    /// Where the public reaches us, without a slash at the end.
    pub public: Option<String>,
    /// For how long a webhook may do nothing but fail.
    pub disable_after: TimeDelta,
    /// Sends to addresses that others chose.
    pub fetcher: Fetcher,
}

impl Config {
    /// The channels that something can be sent by.
    pub fn channels(&self) -> BTreeSet<Channel> {
        let configured = [
            (Channel::Email, self.smtp.is_some()),
            (Channel::Sms, self.sms.is_some()),
            (Channel::Push, self.push.is_some()),
            (Channel::InApp, true),
        ];
        configured.into_iter().filter_map(|(channel, there)| there.then_some(channel)).collect()
    }
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        vec![
            ACCOUNT_DETAILS_KEY,
            SMTP_HOST,
            SMTP_PORT,
            SMTP_TLS,
            SMTP_USERNAME,
            SMTP_PASSWORD,
            MAIL_FROM,
            TWILIO_SID,
            TWILIO_TOKEN,
            TWILIO_FROM,
            TWILIO_URL,
            FCM_ACCOUNT,
            FCM_URL,
            PUBLIC_URL,
            DISABLE_AFTER,
            LOOPBACK,
        ]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let key = reader.required(&ACCOUNT_DETAILS_KEY);
        let smtp = smtp(reader);
        let sms = sms(reader);
        let fcm_url = reader.required::<String>(&FCM_URL);
        let account = reader.optional::<ServiceAccount>(&FCM_ACCOUNT);
        let public = public(reader);
        let hours: Option<u32> = reader.required(&DISABLE_AFTER);
        let loopback: Option<bool> = reader.required(&LOOPBACK);
        if loopback == Some(true) && reader.required::<String>(&MODE).as_deref() != Some("development") {
            reader.complain(LOOPBACK.name, "is allowed only with RECOUP_ENV=development");
        }
        let fetcher = match loopback? {
            true => Fetcher::new(LoopbackToo, true),
            false => Fetcher::new(SystemNames, false),
        };
        Some(Self {
            key: key?,
            smtp,
            sms,
            push: fcm_url.zip(account),
            public,
            disable_after: TimeDelta::hours(i64::from(hours?)),
            fetcher,
        })
    }
}

fn public(reader: &mut Reader<'_>) -> Option<String> {
    let address = reader.optional::<String>(&PUBLIC_URL)?;
    let known = address.starts_with("https://") || address.starts_with("http://");
    if !known || !address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>?#".contains(&byte)) {
        reader.complain(PUBLIC_URL.name, "must begin with https:// and have neither query nor fragment");
    }
    Some(address.trim_end_matches('/').to_owned())
}

fn smtp(reader: &mut Reader<'_>) -> Option<(SmtpConfig, String)> {
    let host = reader.optional::<String>(&SMTP_HOST);
    let (port, protection) = (reader.required(&SMTP_PORT), reader.required::<Protection>(&SMTP_TLS));
    let (user, password) = (reader.optional::<String>(&SMTP_USERNAME), reader.optional::<Secret>(&SMTP_PASSWORD));
    let from = reader.optional::<String>(&MAIL_FROM);
    let host = host?;
    let Some(from) = from else {
        reader.complain(MAIL_FROM.name, "is needed where SMTP_HOST is set");
        return None;
    };
    if user.is_some() != password.is_some() {
        reader.complain(SMTP_PASSWORD.name, "is needed with SMTP_USERNAME, and only with it");
    }
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if protection == Some(Protection::None) && (!is_here || user.is_some()) {
        reader.complain(SMTP_TLS.name, "none is for a server on the same machine that asks for no password");
    }
    // Servers want to be greeted by a name; the sender's domain is ours.
    let hello = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain.trim_end_matches('>')).to_owned();
    let config =
        SmtpConfig { host, port: port?, protection: protection?, login: user.zip(password), trusted: None, hello };
    Some((config, from))
}

fn sms(reader: &mut Reader<'_>) -> Option<SmsConfig> {
    let base = reader.required::<String>(&TWILIO_URL);
    let account = reader.optional::<String>(&TWILIO_SID);
    let (token, from) = (reader.optional::<Secret>(&TWILIO_TOKEN), reader.optional::<String>(&TWILIO_FROM));
    let account = account?;
    for (name, there) in [(TWILIO_TOKEN.name, token.is_some()), (TWILIO_FROM.name, from.is_some())] {
        if !there {
            reader.complain(name, "is needed where TWILIO_ACCOUNT_SID is set");
        }
    }
    Some(SmsConfig { base: base?, account, token: token?, from: from? })
}

#[cfg(test)]
mod tests {
    use service_kit::config::{Env, load};

    use super::*;

    fn env() -> Env {
        Env::of([("ACCOUNT_DETAILS_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")])
    }

    #[test]
    fn nothing_but_the_key_is_needed_and_then_only_lists_are_filled() {
        let config = load::<Config>(&env()).expect("everything has a default");
        assert_eq!(config.channels(), [Channel::InApp].into());
    }

    #[test]
    fn halves_are_complained_about() {
        let cases = [
            (env().with("SMTP_HOST", "mail.example"), "MAIL_FROM"),
            (env().with("SMTP_HOST", "mail.example").with("MAIL_FROM", "a@b.c").with("SMTP_TLS", "none"), "SMTP_TLS"),
            (
                env().with("SMTP_HOST", "m.example").with("MAIL_FROM", "a@b.c").with("SMTP_USERNAME", "u"),
                "SMTP_PASSWORD",
            ),
            (env().with("TWILIO_ACCOUNT_SID", "AC1").with("TWILIO_FROM", "+1"), "TWILIO_AUTH_TOKEN"),
            (env().with("FCM_SERVICE_ACCOUNT", "e30="), "FCM_SERVICE_ACCOUNT"),
            (env().with("WEBHOOK_ALLOW_LOOPBACK", "true"), "WEBHOOK_ALLOW_LOOPBACK"),
            (env().with("NOTIFY_PUBLIC_URL", "shop.example"), "NOTIFY_PUBLIC_URL"),
        ];
        for (env, name) in cases {
            let error = load::<Config>(&env).expect_err(name);
            assert!(error.problems.iter().any(|(known, _)| known == name), "{name}: {error}");
        }
        let home = env().with("WEBHOOK_ALLOW_LOOPBACK", "true").with("RECOUP_ENV", "development");
        assert!(load::<Config>(&home).is_ok());
    }
}
