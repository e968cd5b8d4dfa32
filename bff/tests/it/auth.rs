//! Who is let in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use service_kit::auth::Role;

use crate::edge::{Edge, SECRET, answer, token};

const PATH: &str = "/api/v1/campaigns";

fn claims() -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    json!({"sub": "user123", "tenant": "demo", "role": "partner", "iss": "recoup", "aud": "recoup-api", "exp": now + 600, "nbf": now - 10})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).expect("signed")
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, SECRET, claims)
}

fn unsigned(header: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(&claims()))
}

#[tokio::test]
async fn tokens_that_are_not_believed_are_refused_with_a_challenge() {
    let edge = Edge::without_broker().await;
    edge.services.answer(PATH, [(200, json!({"campaigns": []}))]);
    assert_eq!(answer(edge.get(&hs256(&claims()), PATH)).await.0, 200, "a good token");
    assert_eq!(answer(edge.get(&hs256(&without("nbf")), PATH)).await.0, 200, "nbf may be absent");

    let now = jsonwebtoken::get_current_timestamp();
    let mut altered = hs256(&claims());
    altered.truncate(altered.len() - 4);
    let refused = [
        ("expired", hs256(&with("exp", json!(now - 10)))),
        ("without expiry", hs256(&without("exp"))),
        ("expiry is no number", hs256(&with("exp", json!("tomorrow")))),
        ("not yet valid", hs256(&with("nbf", json!(now + 60)))),
        ("wrong issuer", hs256(&with("iss", json!("somebody")))),
        ("without issuer", hs256(&without("iss"))),
        ("wrong audience", hs256(&with("aud", json!("another-api")))),
        ("without audience", hs256(&without("aud"))),
        ("without tenant", hs256(&without("tenant"))),
        ("empty tenant", hs256(&with("tenant", json!("")))),
        ("tenant is no text", hs256(&with("tenant", json!(7)))),
        ("without subject", hs256(&without("sub"))),
        ("another algorithm", signed(Algorithm::HS384, SECRET, &claims())),
        ("another secret", signed(Algorithm::HS256, "another secret of at least 32 characters", &claims())),
        ("altered signature", altered),
        ("alg none", unsigned(&json!({"alg": "none", "typ": "JWT"}))),
        ("alg HS256 without signature", unsigned(&json!({"alg": "HS256", "typ": "JWT"}))),
        ("no token at all", "garbage".into()),
        ("too long", "x".repeat(10_000)),
    ];
    for (case, token) in refused {
        let (status, headers, problem) = answer(edge.get(&token, PATH)).await;
        assert_eq!(status, 401, "{case}: {problem}");
        assert_eq!(headers["www-authenticate"], "Bearer error=\"invalid_token\"", "{case}");
        assert_eq!(headers["content-type"], "application/problem+json", "{case}");
        assert_eq!(problem["type"], "urn:recoup:problem:unauthenticated", "{case}");
    }
    let (status, headers, _) = answer(edge.request(axum::http::Method::GET, PATH)).await;
    assert_eq!((status, &headers["www-authenticate"]), (401, &"Bearer".parse().expect("valid")));
    let (status, ..) =
        answer(edge.request(axum::http::Method::GET, PATH).header("authorization", "Basic dXNlcjpwYXNz")).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_token_stops_working_when_it_expires() {
    let edge = Edge::without_broker().await;
    edge.services.answer(PATH, [(200, json!({"campaigns": []}))]);
    let short = hs256(&with("exp", json!(jsonwebtoken::get_current_timestamp())));
    assert_eq!(answer(edge.get(&short, PATH)).await.0, 200, "clocks may differ by two seconds");
    let ended = service_kit::testing::eventually("the token expires", async || {
        (answer(edge.get(&short, PATH)).await.0 == 401).then_some(())
    });
    ended.await;
}

#[tokio::test]
async fn the_wrong_role_is_forbidden() {
    let edge = Edge::without_broker().await;
    let (partner, operator, customer) =
        (token("user123", Role::Partner), token("op", Role::Operator), token("c", Role::Customer));
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let reason = r#"{"reason":"x"}"#;
    let cases = [
        (&partner, "/api/v1/campaigns/camp123/activate".to_owned(), ""),
        (&operator, "/api/v1/campaigns/camp123/pause".to_owned(), "{}"),
        (&partner, "/api/v1/keys".to_owned(), r#"{"label":"x"}"#),
        (&partner, "/api/v1/payouts/submit".to_owned(), ""),
        (&partner, format!("/api/v1/payouts/{id}/approve"), ""),
        (&operator, format!("/api/v1/payouts/{id}/approve"), ""),
        (&partner, format!("/api/v1/commission/commissions/{id}/approve"), reason),
        (&customer, "/api/v1/campaigns/camp123/accept".to_owned(), r#"{"accepted_terms":true}"#),
    ];
    for (token, path, body) in cases {
        let (status, headers, problem) = answer(edge.post(token, &path, body)).await;
        assert_eq!(status, 403, "{path}: {problem}");
        assert_eq!(headers["content-type"], "application/problem+json", "{path}");
    }
}

#[tokio::test]
async fn published_keys_are_fetched_and_no_other_algorithm_is_taken() {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ring::rand::SystemRandom::new())
        .expect("a key");
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &ring::rand::SystemRandom::new())
            .expect("a key");
    let point = pair.public_key().as_ref()[1..].to_vec();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[..32]), URL_SAFE_NO_PAD.encode(&point[32..]));
    let published =
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256", "x": x, "y": y}]});

    let edge = Edge::start(None, |env| {
        let url = format!("{}/keys", env.get("TRACKING_URL").expect("set"));
        env.with("JWT_ALGORITHM", "ES256").with("JWT_JWKS_URL", url)
    })
    .await;
    edge.services.answer("/keys", [(200, published)]);
    edge.services.answer(PATH, [(200, json!({"campaigns": []}))]);

    let es256 = |kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_ec_der(pkcs8.as_ref())).expect("signed")
    };
    assert_eq!(answer(edge.get(&es256(Some("one")), PATH)).await.0, 200);
    let mut confused = Header::new(Algorithm::HS256);
    confused.kid = Some("one".into());
    let confused = jsonwebtoken::encode(&confused, &claims(), &EncodingKey::from_secret(&point)).expect("signed");
    let refused = [
        ("unknown key", es256(Some("two"))),
        ("no key named", es256(None)),
        ("public key as secret", confused),
        ("shared secret", hs256(&claims())),
    ];
    for (case, token) in refused {
        assert_eq!(answer(edge.get(&token, PATH)).await.0, 401, "{case}");
    }
    let fetches = edge.services.asked().iter().filter(|asked| asked.line.contains("/keys")).count();
    assert_eq!(fetches, 1, "an invented key id causes no fetch of its own");
}

#[test]
fn tokens_go_unchecked_only_at_home() {
    let relaxed = |mode: &str, bind: &str| {
        let env = crate::edge::env("http://127.0.0.1:1").with("JWT_REQUIRE_VALIDATION", "false");
        service_kit::config::load::<bff::Config>(&env.with("RECOUP_ENV", mode).with("BIND_ADDRESS", bind))
    };
    assert!(relaxed("development", "127.0.0.1").is_ok());
    for (mode, bind) in [("production", "127.0.0.1"), ("development", "0.0.0.0"), ("production", "0.0.0.0")] {
        let error = relaxed(mode, bind).expect_err("refused").to_string();
        assert!(error.contains("JWT_REQUIRE_VALIDATION"), "{error}");
    }
}
