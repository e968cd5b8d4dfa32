//! An S3 server within the test, and both kinds of stores.

use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use providers::objects::{ObjectConfig, Objects, S3Config};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use service_kit::config::Secret;
use tokio::net::TcpListener;
use uuid::Uuid;

/// A store and where its bytes really lie.
pub struct Bed {
    pub objects: Objects,
    pub folder: PathBuf,
    endpoint: String,
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn empty_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("recoup-objects-{}", Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Every kind of store, each empty.
pub async fn every_store() -> [(&'static str, Bed); 2] {
    [("folder", in_a_folder()), ("s3", on_s3().await)]
}

pub fn in_a_folder() -> Bed {
    let folder = empty_folder();
    let objects = Objects::open(&ObjectConfig::Local { dir: folder.clone() }).unwrap();
    Bed { objects, folder, endpoint: String::new() }
}

pub async fn on_s3() -> Bed {
    let folder = empty_folder();
    std::fs::create_dir(folder.join("recoup")).unwrap();
    let endpoint = serve(FileSystem::new(&folder).unwrap()).await;
    Bed { objects: client(&endpoint, "secret-key", false), folder, endpoint }
}

/// Serves what an S3 server does; who signs with another secret than `secret-key` is refused.
pub async fn serve(s3: impl s3s::S3) -> String {
    let mut service = S3ServiceBuilder::new(s3);
    service.set_auth(SimpleAuth::from_single("key-id", "secret-key"));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service.clone();
            tokio::spawn(async move {
                Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await
            });
        }
    });
    endpoint
}

/// The same server with another secret.
pub fn on_s3_as(bed: &Bed, secret: &str) -> Objects {
    client(&bed.endpoint, secret, false)
}

/// A store on that server; `object_lock` says whether it is to use locks.
pub fn client(endpoint: &str, secret: &str, object_lock: bool) -> Objects {
    let config = S3Config {
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".into(),
        bucket: "recoup".into(),
        access_key_id: "key-id".into(),
        secret_access_key: Secret::new(secret),
        object_lock,
    };
    Objects::open(&ObjectConfig::S3(config)).unwrap()
}

impl Bed {
    /// Every file that holds anything of an object, finished or not.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = vec![];
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// Waits for something that happens in the background.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
