//! `recoup sandbox`: stand-ins for the outside world, for development, demos and tests. They listen on loopback only.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::routing::post;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;
use notify::domain::signature;
use sandbox::amazon::{Amazon, Settings};
use sandbox::easypost::EasyPost;
use sandbox::google::Google;
use sandbox::messaging::Messaging;
use sandbox::paypal::PayPal;
use sandbox::payu::PayU;
use sandbox::razorpay::Razorpay;
use sandbox::stripe::Stripe;
use service_kit::clock::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli;
use crate::output::Exit;

/// Stand-ins for the outside world, on loopback, until they are interrupted
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    All(AllArgs),
    Amazon(AmazonArgs),
    Stripe(StripeArgs),
    Paypal(PaypalArgs),
    Razorpay(RazorpayArgs),
    Payu(PayuArgs),
    Shop(ShopArgs),
    #[command(name = "easypost")]
    EasyPost(EasyPostArgs),
    Messaging(MessagingArgs),
    Google(GoogleArgs),
    Webhooks(WebhooksArgs),
}

/// PayPal: orders that are approved, held, taken, let go and given back
#[derive(clap::Args)]
struct PaypalArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8012)]
    port: u16,
}

/// EasyPost: shipments with rates, postage that is bought once, labels, trackers
#[derive(clap::Args)]
struct EasyPostArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8015)]
    port: u16,
}

/// A shop's catalogue, carts and users, put there under /_sandbox
#[derive(clap::Args)]
struct ShopArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8016)]
    port: u16,
}

/// Razorpay: payments that customers authorise, captures, refunds
#[derive(clap::Args)]
struct RazorpayArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8013)]
    port: u16,
}

/// PayU India: the payment form and the commands about payments
#[derive(clap::Args)]
struct PayuArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8014)]
    port: u16,
}

/// Every stand-in in one process, on ports that follow each other in the order of this list
#[derive(clap::Args)]
struct AllArgs {
    /// The first port
    #[arg(long, default_value_t = 8010)]
    port: u16,
    /// Where Amazon's consent page sends sellers back to, when it is not told
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
}

/// Stripe: customers, a page that saves a card, payments, refunds, idempotency keys
#[derive(clap::Args)]
struct StripeArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8011)]
    port: u16,
}

/// Carriers of messages: Twilio's Messages API for texts, Firebase Cloud Messaging for push
#[derive(clap::Args)]
struct MessagingArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8017)]
    port: u16,
}

/// Google's login: a consent page that consents, codes and tokens for mailboxes
#[derive(clap::Args)]
struct GoogleArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8019)]
    port: u16,
}

/// The signer of our webhooks, for those who write a receiver: POST /sign {secrets, id, timestamp, payload} gives the headers
#[derive(clap::Args)]
struct WebhooksArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8018)]
    port: u16,
}

/// Amazon: login, consent page and Selling Partner API, with a seller's world of which everything is known
#[derive(clap::Args)]
struct AmazonArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8010)]
    port: u16,
    /// The number that the world is made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Articles in each of the two regions
    #[arg(long, default_value_t = 24)]
    articles: usize,
    /// Orders of each article
    #[arg(long, default_value_t = 40)]
    orders: usize,
    /// Last day of the world's year; without it yesterday
    #[arg(long, value_name = "DATE")]
    last_day: Option<NaiveDate>,
    /// The time there at the beginning; without it now, or with --last-day that day's evening
    #[arg(long, value_name = "TIME", value_parser = cli::time)]
    now: Option<DateTime<Utc>>,
    /// Where the consent page sends sellers back to, when it is not told
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
    /// Requests a second that each operation allows
    #[arg(long, default_value_t = 50)]
    rate: u32,
}

/// Serves until it is interrupted.
///
/// # Errors
/// When the port is taken.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::All(args) => all(args).await,
        What::Amazon(args) => {
            let (port, settings) = (args.port, settings(args));
            let amazon = Amazon::new(settings, Arc::new(SystemClock));
            serve("amazon", port, amazon.router()).await
        }
        What::Stripe(args) => {
            let stripe = Stripe::new(Arc::new(SystemClock));
            serve("stripe", args.port, stripe.router()).await
        }
        What::Paypal(args) => serve("paypal", args.port, PayPal::new(Arc::new(SystemClock)).router()).await,
        What::Razorpay(args) => serve("razorpay", args.port, Razorpay::new(Arc::new(SystemClock)).router()).await,
        What::Payu(args) => serve("payu", args.port, PayU::new(Arc::new(SystemClock)).router()).await,
        What::EasyPost(args) => serve("easypost", args.port, EasyPost::new(Arc::new(SystemClock)).router()).await,
        What::Shop(args) => serve("shop", args.port, sandbox::shop::Shop::default().router()).await,
        What::Messaging(args) => {
            let messaging = Messaging::new(Arc::new(SystemClock));
            serve("messaging", args.port, messaging.router()).await
        }
        What::Google(args) => serve("google", args.port, Google::new(Arc::new(SystemClock)).router()).await,
        What::Webhooks(args) => serve("webhooks", args.port, Router::new().route("/sign", post(sign))).await,
    }
}

/// Serves them all until the process is interrupted; the first that ends, ends it.
async fn all(args: AllArgs) -> anyhow::Result<Exit> {
    let clock = Arc::new(SystemClock);
    let mut of_seller = Settings::of_seed(1, clock.now());
    if let Some(redirect_uri) = args.redirect_uri {
        of_seller.redirect_uri = redirect_uri;
    }
    // Those who asked keep what they were told, over our restarts: seconds go on faster than ids are used up.
    let number = clock.now().timestamp().unsigned_abs();
    let stand_ins = [
        ("amazon", Amazon::new(of_seller, clock.clone()).router()),
        ("stripe", Stripe::new(clock.clone()).counting_from(number).router()),
        ("paypal", PayPal::new(clock.clone()).counting_from(number).router()),
        ("razorpay", Razorpay::new(clock.clone()).counting_from(number).router()),
        ("payu", PayU::new(clock.clone()).counting_from(number).router()),
        ("easypost", EasyPost::new(clock).counting_from(number).router()),
    ];
    let mut serving = tokio::task::JoinSet::new();
    for (port, (name, router)) in (args.port..).zip(stand_ins) {
        serving.spawn(serve(name, port, router));
    }
    serving.join_next().await.context("there are stand-ins")??
}

fn settings(args: AmazonArgs) -> Settings {
    let mut settings = Settings::of_seed(args.seed, args.now.unwrap_or_else(|| SystemClock.now()));
    (settings.world.articles, settings.world.orders, settings.rate) = (args.articles, args.orders, args.rate);
    if let Some(last_day) = args.last_day {
        settings.world.last_day = last_day;
        settings.now = args.now.unwrap_or_else(|| Settings::at_the_end_of(settings.world).now);
    }
    if let Some(redirect_uri) = args.redirect_uri {
        settings.redirect_uri = redirect_uri;
    }
    settings
}

/// What is to be signed, and by which secrets.
#[derive(serde::Deserialize)]
struct ToSign {
    secrets: Vec<String>,
    id: String,
    timestamp: i64,
    payload: String,
}

async fn sign(axum::Json(wish): axum::Json<ToSign>) -> axum::Json<serde_json::Value> {
    let keys: Vec<Vec<u8>> = wish.secrets.iter().filter_map(|secret| signature::key_of(secret)).collect();
    let signed = signature::header(&keys, &wish.id, wish.timestamp, &wish.payload);
    axum::Json(serde_json::json!({
        "webhook-id": wish.id, "webhook-timestamp": wish.timestamp.to_string(), "webhook-signature": signed,
    }))
}

async fn serve(name: &str, port: u16, router: Router) -> anyhow::Result<Exit> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))?;
    // Scripts read the address from this line.
    println!("{name} listens on http://{}", listener.local_addr()?);
    axum::serve(listener, router).with_graceful_shutdown(told_to_stop()).await?;
    Ok(Exit::Done)
}

/// Ends when somebody interrupts or terminates the process.
async fn told_to_stop() {
    // Without a signal to wait for it ends when the process does.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { std::future::pending::<()>().await },
        _ = terminate.recv() => {}
    }
}
