//! Login with Amazon: codes and refresh tokens become access tokens.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use service_kit::config::Secret;
use tokio::time::{Instant, sleep};

use super::{Error, Operation, SellingPartner};
use crate::wire::{body_of, outcome_of};

/// Our application, as it is registered with Amazon.
#[derive(Debug, Clone)]
pub struct Application {
    /// The id that the consent page wants: `amzn1.sp.solution...`.
    pub id: String,
    /// The id that the login wants: `amzn1.application-oa2-client...`.
    pub client_id: String,
    /// The secret that goes with it.
    pub client_secret: Secret,
}

/// What a seller's consent gives.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Good until it is taken back. To be kept encrypted.
    pub refresh_token: Secret,
}

/// An access token.
pub(crate) struct Token {
    pub(crate) access_token: Secret,
    pub(crate) expires_in: Duration,
    /// Rarely there; it then takes the place of the one that was used.
    pub(crate) refresh_token: Option<Secret>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct LoginError {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What a code or token is exchanged by. Never printed.
pub(crate) enum By<'a> {
    Code { code: &'a Secret, redirect_uri: &'a str },
    Refresh(&'a Secret),
}

impl fmt::Debug for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code { .. } => "Code",
            Self::Refresh(_) => "Refresh",
        })
    }
}

impl SellingPartner {
    /// Exchanges the `spapi_oauth_code` that a seller came back with. A code is good for some minutes and for one exchange.
    ///
    /// # Errors
    /// [`Error::Login`] with `invalid_grant` when the code was used, is too old, or `redirect_uri` is another than before.
    pub async fn exchange_code(&self, code: &Secret, redirect_uri: &str) -> Result<Grant, Error> {
        let until = Instant::now() + self.patience().deadline;
        let token = self.sign_in(By::Code { code, redirect_uri }, until).await?;
        let refresh_token = token.refresh_token.ok_or_else(|| unreadable("no refresh_token in it", None))?;
        Ok(Grant { refresh_token })
    }

    /// Asks the login, again while it is only busy.
    pub(crate) async fn sign_in(&self, by: By<'_>, until: Instant) -> Result<Token, Error> {
        let patience = self.patience();
        let mut failures = 0;
        loop {
            let (problem, request_id, sent) = match self.ask_login(&by, until).await? {
                Ok(token) => return Ok(token),
                Err(failure) => failure,
            };
            failures += 1;
            let pause = patience.pause(failures);
            // A code that was sent may be used up.
            let may_repeat = !sent || matches!(by, By::Refresh(_));
            if !may_repeat || Instant::now() + pause >= until {
                return Err(Error::Unavailable { operation: Operation::Token, problem, request_id });
            }
            tracing::debug!(%problem, failures, "amazon's login is asked again");
            sleep(pause).await;
        }
    }

    /// One question. The inner failure may pass: its words, the request's id, and whether the question was sent.
    async fn ask_login(
        &self,
        by: &By<'_>,
        until: Instant,
    ) -> Result<Result<Token, (String, Option<String>, bool)>, Error> {
        let application = self.application();
        let mut form =
            vec![("client_id", application.client_id.as_str()), ("client_secret", application.client_secret.expose())];
        match by {
            By::Code { code, redirect_uri } => form.extend([
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("redirect_uri", redirect_uri),
            ]),
            By::Refresh(token) => form.extend([("grant_type", "refresh_token"), ("refresh_token", token.expose())]),
        }
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let address = format!("{}/auth/o2/token", self.endpoints().login);
        let timeout = self.patience().request.min(until.saturating_duration_since(Instant::now()));
        let request = self.http().post(address).timeout(timeout).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
        let (status, request_id, body) = match outcome_of(request.send().await) {
            Err((problem, sent)) => return Ok(Err((problem, None, sent))),
            Ok(response) => {
                let (status, request_id) = (response.status(), super::call::request_id_of(&response));
                match body_of(response).await {
                    Ok(body) => (status, request_id, body),
                    Err(problem) => return Ok(Err((problem, request_id, true))),
                }
            }
        };
        if status.is_success() {
            // The body holds tokens: what is wrong with it is told without it.
            let answer: TokenAnswer =
                serde_json::from_slice(&body).map_err(|_| unreadable("not a token's JSON", request_id))?;
            return Ok(Ok(Token {
                access_token: Secret::new(answer.access_token),
                expires_in: Duration::from_secs(answer.expires_in),
                refresh_token: answer.refresh_token.map(Secret::new),
            }));
        }
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            return Ok(Err((format!("it answered {}", status.as_u16()), request_id, true)));
        }
        let refused: LoginError = serde_json::from_slice(&body).unwrap_or_else(|_| LoginError {
            error: format!("status {}", status.as_u16()),
            error_description: String::new(),
        });
        match by {
            By::Refresh(_) if refused.error == "invalid_grant" => Err(Error::Revoked),
            _ => Err(Error::Login { code: refused.error, description: refused.error_description }),
        }
    }
}

fn unreadable(problem: &str, request_id: Option<String>) -> Error {
    Error::Unreadable { operation: Operation::Token, problem: problem.to_owned(), request_id }
}
