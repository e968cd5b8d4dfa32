//! What Twilio calls back about a text. Its `X-Twilio-Signature` is the base64 of HMAC-SHA1, by the account's token, of the address that it
//! was told to call followed by each field of the form, name and value, sorted by name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use service_kit::config::Secret;

/// The header that holds the signature.
pub const SIGNATURE: &str = "x-twilio-signature";

/// How a text fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// On its way.
    Underway,
    /// It reached the device, or was read.
    Arrived,
    /// It never will.
    Lost,
}

/// What is said of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Twilio's name of it.
    pub reference: String,
    /// How it fares.
    pub progress: Progress,
    /// Twilio's code, where something is the matter.
    pub code: Option<String>,
}

/// Reads a call that was made to `address`; `None` when Twilio did not make it, or it names no text.
pub fn read_status(token: &Secret, address: &str, signature: &str, body: &[u8]) -> Option<Status> {
    let mut fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    fields.sort();
    let signed = fields.iter().fold(address.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes());
    hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).ok()?).ok()?;
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let progress = match field("MessageStatus").or_else(|| field("SmsStatus"))?.as_str() {
        "delivered" | "read" => Progress::Arrived,
        "undelivered" | "failed" | "canceled" => Progress::Lost,
        _ => Progress::Underway,
    };
    let reference = field("MessageSid").or_else(|| field("SmsSid"))?;
    Some(Status { reference, progress, code: field("ErrorCode") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twilio's own example of a signature.
    #[test]
    fn the_published_example_is_proved_and_nothing_near_it() {
        let token = Secret::new("12345");
        let (address, signature) = ("https://mycompany.com/myapp.php?foo=1&bar=2", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
        let body = |caller: &str| {
            format!("To=%2B18005551212&Digits=1234&Caller={caller}&CallSid=CA1234567890ABCDE&From=%2B12349013030")
        };
        // It is about a call and names no text, so that it is proved but says nothing: the difference shows with a text's fields.
        assert_eq!(read_status(&token, address, signature, body("%2B12349013030").as_bytes()), None);
        let signed = |address: &str, fields: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
            STANDARD.encode(hmac::sign(&key, format!("{address}{fields}").as_bytes()))
        };
        let published = "CallSidCA1234567890ABCDECaller+12349013030Digits1234From+12349013030To+18005551212";
        assert_eq!(signed(address, published), signature);
        let ours = signed(address, "ErrorCode30003MessageSidSM1MessageStatusundelivered");
        let call = b"MessageStatus=undelivered&MessageSid=SM1&ErrorCode=30003";
        let lost = Status { reference: "SM1".into(), progress: Progress::Lost, code: Some("30003".into()) };
        assert_eq!(read_status(&token, address, &ours, call), Some(lost));
        assert_eq!(
            read_status(&token, address, &ours, b"MessageStatus=delivered&MessageSid=SM1&ErrorCode=30003"),
            None
        );
        assert_eq!(read_status(&token, "https://mycompany.com/other", &ours, call), None);
        assert_eq!(read_status(&Secret::new("12346"), address, &ours, call), None);
        assert_eq!(read_status(&token, address, "", call), None);
    }
}
