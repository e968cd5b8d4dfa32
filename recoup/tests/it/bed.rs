//! A whole Recoup of its own: a namespace of the broker, a database for each service, and all services in one process.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use service_kit::config::{Env, PulsarConfig, Role};
use service_kit::testing::{Namespace, eventually};
use shared_events::Service;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgPool};
use uuid::Uuid;

const SECRET: &str = "a secret of more than thirty-two characters";

/// Everything, running; it is stopped and forgotten when dropped.
pub struct Bed {
    pub namespace: Namespace,
    variables: BTreeMap<String, String>,
    /// The BFF's port.
    port: u16,
    server: Option<Child>,
    /// Of each service, in the order of [`Service::ALL`].
    databases: Vec<String>,
    superuser: String,
    folder: PathBuf,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

impl Bed {
    /// Makes it by the commands of the binary, and serves all.
    pub async fn up() -> Self {
        let mut bed = Self::prepared();
        for command in ["provision", "migrate"] {
            let output = bed.run(&[command]);
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let log = std::fs::File::create(bed.folder.join("log")).expect("the folder can be written");
        bed.server = Some(bed.command(&["serve", "all"]).stderr(log).spawn().expect("the binary starts"));
        let ports = bed.variables.iter().filter(|(name, _)| name.ends_with("_PORT")).map(|(_, port)| port.clone());
        for port in ports.collect::<Vec<_>>() {
            eventually("the services are ready", async || {
                let answer = http(Duration::from_secs(2))
                    .get(format!("http://127.0.0.1:{port}/health/ready"))
                    .send()
                    .await
                    .ok()?;
                answer.status().is_success().then_some(())
            })
            .await;
        }
        bed
    }

    /// Makes nothing yet.
    pub fn prepared() -> Self {
        let env = Env::process();
        let superuser =
            env.get("DATABASE_URL").expect("DATABASE_URL is not set: run the tests by ./dev test").to_owned();
        let namespace = Namespace::empty();
        let PulsarConfig { service_url, admin_url, tenant, namespace: name, .. } = namespace.role(Role::Bff);
        let id = Uuid::now_v7().simple().to_string();
        let databases: Vec<String> =
            Service::ALL.map(|service| format!("it_{}_{}", service.name(), &id[20..])).into_iter().collect();
        let folder = std::env::temp_dir().join(format!("recoup-it-{id}"));
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let port = free_port();
        let mut variables = BTreeMap::from([
            ("RECOUP_ENV", "development".to_owned()),
            ("PULSAR_SERVICE_URL", service_url),
            ("PULSAR_ADMIN_URL", admin_url),
            ("PULSAR_TENANT", tenant),
            ("PULSAR_NAMESPACE", name),
            ("JWT_SECRET_KEY", SECRET.to_owned()),
            ("ACCOUNT_DETAILS_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            ("OBJECT_DIR", folder.join("objects").display().to_string()),
            ("DOCUMENT_MASTER_KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            ("DOCUMENT_LINK_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            ("PACKET_SIGNING_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            ("PAYOUT_DIR", folder.join("payouts").display().to_string()),
            ("LOG_FORMAT", "text".to_owned()),
        ])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<BTreeMap<_, _>>();
        let (rest, _) = superuser.rsplit_once('/').expect("the URL names a database");
        let (_, host) = rest.rsplit_once('@').expect("the URL names a host");
        variables.insert("BFF_PORT".to_owned(), port.to_string());
        for (service, database) in Service::ALL.map(Service::name).iter().zip(&databases) {
            let upper = service.to_uppercase();
            variables.insert(format!("{upper}_PORT"), free_port().to_string());
            // The role is shared with everything else on the server, so its password stays what it is where it is known.
            let password = env.get(&format!("{upper}_DB_PASSWORD")).unwrap_or("only-for-tests").to_owned();
            variables.insert(
                format!("{upper}_DATABASE_URL"),
                format!("postgres://{service}_user:{password}@{host}/{database}"),
            );
            variables.insert(format!("{upper}_DB_PASSWORD"), password);
            variables.insert(format!("{upper}_ADMIN_DATABASE_URL"), superuser.clone());
        }
        let tokens = PathBuf::from(env.get("PULSAR_TOKEN_DIR").expect("PULSAR_TOKEN_DIR is set"));
        for role in Role::ALL {
            let file = tokens.join(format!("{}.jwt", role.name())).display().to_string();
            variables.insert(format!("{}_PULSAR_TOKEN_FILE", role.name().to_uppercase()), file);
        }
        Self { namespace, variables, port, server: None, databases, superuser, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recoup"));
        command.args(arguments).env_clear().envs(&self.variables).stdin(Stdio::null());
        command
    }

    /// Runs one command of the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Starts one command that goes on; what it prints is piped.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts")
    }

    /// Runs one command that ends well, and reads what it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?} printed no JSON: {error}"))
    }

    /// The exit code of a command, and what it prints.
    pub fn exit(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().expect("it was not killed"), printed)
    }

    /// A connection past row-level security.
    pub async fn commission_database(&self) -> PgPool {
        let options: PgConnectOptions = self.superuser.parse().expect("a URL");
        PgPool::connect_with(options.database(&self.databases[1])).await.expect("the database is there")
    }

    /// Asks the BFF; waits for the outcome of a command.
    pub async fn post(&self, role: &str, subject: &str, path: &str, body: &Value) -> Value {
        self.send("POST", role, subject, path, body).await
    }

    /// The same by any method; questions are sent without a body.
    pub async fn send(&self, method: &str, role: &str, subject: &str, path: &str, body: &Value) -> Value {
        let token = self.run(&["token", "--role", role, "--sub", subject, "--tenant", "demo"]);
        let token = String::from_utf8(token.stdout).expect("a token is text");
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let method: reqwest::Method = method.parse().expect("a method");
        let asks = method == "GET";
        let request =
            http(Duration::from_secs(30)).request(method, url).bearer_auth(token.trim()).header("prefer", "wait=10");
        let request = if asks { request } else { request.json(body) };
        let answer = request.send().await.expect("the BFF answers");
        let (status, text) = (answer.status(), answer.text().await.expect("it has a body"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A campaign with one partner and so many purchases, each of them one commission.
    pub async fn sell(&self, purchases: usize) {
        let campaign = json!({
            "code": "camp", "name": "Camp", "currency": "USD", "destinations": ["https://shop.example/"],
            "attribution": {"model": "last_click", "click_window_days": 30},
            "rules": [{"on": "sale", "value": {"basis_points": 1_000}, "hold_days": 30,
                       "tiers": [{"from_count": 5, "value": {"basis_points": 2_000}}]}],
        });
        self.post("admin", "ada", "/api/v1/campaigns", &campaign).await;
        self.post("admin", "ada", "/api/v1/campaigns/camp/activate", &json!({})).await;
        self.post("partner", "pia", "/api/v1/campaigns/camp/accept", &json!({"accepted_terms": true, "metadata": {}}))
            .await;
        let event = |n: usize| {
            json!({
                "user_id": format!("user-{n}"), "event_type": "purchase", "campaign": "camp", "partner": "pia", "event_id": format!("event-{n}"),
                "order_id": format!("order-{n}"), "amount": format!("{n}.50"), "currency": "USD",
            })
        };
        let events: Vec<Value> = (1..=purchases).map(event).collect();
        self.post("operator", "olga", "/api/v1/tracking/events", &json!(events)).await;
        let database = self.commission_database().await;
        eventually("every purchase is a commission", async || {
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM commissions")
                .fetch_one(&database)
                .await
                .expect("it can be read");
            (count == i64::try_from(purchases).expect("few")).then_some(())
        })
        .await;
    }

    /// Asks the services to stop, and says how they ended.
    pub fn stop(&mut self) -> ExitStatus {
        let mut server = self.server.take().expect("it runs");
        let killed = Command::new("kill").arg(server.id().to_string()).status().expect("kill runs");
        assert!(killed.success());
        server.wait().expect("it ends")
    }
}

fn http(timeout: Duration) -> reqwest::Client {
    service_kit::http_client::client(timeout)
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            drop(server.kill());
            drop(server.wait());
        }
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
        }
        let (superuser, databases) = (self.superuser.clone(), self.databases.clone());
        let forgetting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = superuser.parse::<PgConnectOptions>()?.connect().await?;
                for database in databases {
                    let statement = sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"));
                    sqlx::raw_sql(statement).execute(&mut connection).await?;
                }
                Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        drop(forgetting.join());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
