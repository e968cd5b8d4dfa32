//! Which object store, and how to reach it.

use std::path::PathBuf;

use service_kit::config::{FromEnv, Reader, Secret, Var};

const STORE: Var = Var::or("OBJECT_STORE", "local", "where documents and packets are kept: local (a folder) or s3");
const DIR: Var = Var::or("OBJECT_DIR", "objects", "the folder of OBJECT_STORE=local; only the services may read it");
const ENDPOINT: Var = Var::new("S3_ENDPOINT", "address of the S3 server; absent = Amazon's own in S3_REGION");
const REGION: Var = Var::or("S3_REGION", "us-east-1", "region that requests to S3 are signed for");
const BUCKET: Var = Var::new("S3_BUCKET", "bucket of OBJECT_STORE=s3");
const KEY_ID: Var = Var::new("S3_ACCESS_KEY_ID", "key id for S3");
const SECRET_KEY: Var = Var::new("S3_SECRET_ACCESS_KEY", "secret key for S3");
const ALLOW_HTTP: Var =
    Var::or("S3_ALLOW_HTTP", "false", "true lets S3_ENDPOINT begin with http://; for servers on this machine");
const OBJECT_LOCK: Var = Var::or(
    "S3_OBJECT_LOCK",
    "false",
    "true when the bucket was made with object lock: sealed packets are then held by it",
);

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum ObjectConfig {
    /// In a folder of this machine.
    Local {
        /// The folder.
        dir: PathBuf,
    },
    /// On an S3 server.
    S3(S3Config),
}

/// How to reach an S3 server.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// Its address; Amazon's own when absent.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Key id.
    pub access_key_id: String,
    /// Secret key.
    pub secret_access_key: Secret,
    /// Whether the bucket has object lock.
    pub object_lock: bool,
}

impl FromEnv for ObjectConfig {
    fn vars() -> Vec<Var> {
        vec![STORE, DIR, ENDPOINT, REGION, BUCKET, KEY_ID, SECRET_KEY, ALLOW_HTTP, OBJECT_LOCK]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let store: String = reader.required(&STORE)?;
        match store.as_str() {
            "local" => Some(Self::Local { dir: reader.required(&DIR)? }),
            "s3" => S3Config::read(reader).map(Self::S3),
            _ => {
                reader.complain(STORE.name, "must be local or s3");
                None
            }
        }
    }
}

impl S3Config {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let endpoint: Option<String> = reader.optional(&ENDPOINT);
        let (region, bucket) = (reader.required(&REGION), reader.required(&BUCKET));
        let (access_key_id, secret_access_key) = (reader.required(&KEY_ID), reader.required(&SECRET_KEY));
        let (allow_http, object_lock) = (reader.required::<bool>(&ALLOW_HTTP), reader.required(&OBJECT_LOCK));
        if let Some(endpoint) = &endpoint {
            let plain = endpoint.starts_with("http://");
            if !plain && !endpoint.starts_with("https://") {
                reader.complain(ENDPOINT.name, "must begin with https:// (or http://, with S3_ALLOW_HTTP=true)");
            } else if plain && allow_http == Some(false) {
                reader.complain(ENDPOINT.name, "begins with http://, which S3_ALLOW_HTTP=true has to allow");
            }
        }
        Some(Self {
            endpoint: endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            region: region?,
            bucket: bucket?,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            object_lock: object_lock?,
        })
    }
}

#[cfg(test)]
mod tests {
    use service_kit::config::{Env, load};

    use super::*;

    #[test]
    fn a_folder_is_the_default() {
        let config = load::<ObjectConfig>(&Env::default()).expect("complete");
        assert!(matches!(config, ObjectConfig::Local { dir } if dir.as_os_str() == "objects"));
    }

    #[test]
    fn a_server_without_tls_has_to_be_allowed() {
        let env = Env::of([
            ("OBJECT_STORE", "s3"),
            ("S3_ENDPOINT", "http://127.0.0.1:9000/"),
            ("S3_BUCKET", "recoup"),
            ("S3_ACCESS_KEY_ID", "id"),
            ("S3_SECRET_ACCESS_KEY", "hunter2"),
        ]);
        let refused = load::<ObjectConfig>(&env).expect_err("http");
        assert!(refused.to_string().contains("S3_ALLOW_HTTP"), "{refused}");
        let allowed = load::<ObjectConfig>(&env.with("S3_ALLOW_HTTP", "true")).expect("complete");
        assert!(!format!("{allowed:?}").contains("hunter2"));
        let ObjectConfig::S3(s3) = allowed else { panic!("{allowed:?}") };
        assert_eq!(s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    }

    #[test]
    fn everything_that_a_server_needs_is_asked_for_at_once() {
        let refused = load::<ObjectConfig>(&Env::of([("OBJECT_STORE", "s3")])).expect_err("incomplete").to_string();
        for name in ["S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"] {
            assert!(refused.contains(name), "{refused}");
        }
    }
}
