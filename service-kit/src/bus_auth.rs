//! Hands the broker's token to the Pulsar client: one in a file is read again whenever the broker asks, so that rotation needs no restart.

use async_trait::async_trait;
use pulsar::authentication::Authentication;
use pulsar::error::AuthenticationError;

use crate::config::TokenSource;

pub(crate) struct TokenProvider(pub(crate) TokenSource);

#[async_trait]
impl Authentication for TokenProvider {
    fn auth_method_name(&self) -> String {
        "token".into()
    }

    async fn initialize(&mut self) -> Result<(), AuthenticationError> {
        Ok(())
    }

    async fn auth_data(&mut self) -> Result<Vec<u8>, AuthenticationError> {
        let token = self
            .0
            .current()
            .map_err(|error| AuthenticationError::Custom(format!("the token cannot be read: {error}")))?;
        Ok(token.map(|token| token.expose().as_bytes().to_vec()).unwrap_or_default())
    }
}
