//! What problems are made of: refused commands, and errors inside.

use shared_events::outcome::Rejection;

use super::Problem;

/// A refusal of a command: 404 when its code says that something is missing, 403 that the caller may not, 410 that its time is over,
/// 409 when it names a state, else 422.
impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let code = rejection.code.as_str();
        let state = ["_conflict", "_taken", "_exists", "already_", "not_active", "_cancelled"];
        let problem = if code.ends_with("not_found") {
            let mut missing = Self::not_found();
            missing.0.detail = rejection.detail.into();
            missing
        } else if code.ends_with("_forbidden") {
            Self::forbidden(rejection.detail)
        } else if code.ends_with("_expired") {
            Self::gone(rejection.detail)
        } else if state.iter().any(|mark| code.contains(mark)) {
            Self::conflict(rejection.detail)
        } else {
            Self::unprocessable(rejection.detail)
        };
        let message = problem.0.detail.clone().into_owned();
        let problem = match rejection.field {
            Some(field) => problem.field(field, message),
            None => problem,
        };
        problem.code(rejection.code)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                true
            }
            // Class 57: the server shuts down or starts; 53: it has no connection left.
            sqlx::Error::Database(database) => {
                database.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("53"))
            }
            _ => false,
        };
        if away {
            Self::unavailable("the database is away for the moment").caused_by(error)
        } else {
            Self::internal(error)
        }
    }
}
