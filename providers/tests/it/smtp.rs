//! Mail: to GreenMail, which takes it as any server does, and to a server that goes wrong where it is told to.

use std::time::Duration;

use providers::sending::SendError;
use providers::smtp::{Attachment, Mail, Protection, Smtp, SmtpConfig};
use serde_json::Value;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::Env;
use service_kit::http_client;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use uuid::Uuid;

fn variable(name: &str) -> String {
    let found = Env::process().get(name).map(str::to_owned);
    found.unwrap_or_else(|| panic!("{name} is not set: run the tests by ./dev test"))
}

fn mail(to: &str) -> Mail {
    Mail {
        from: "Shop <shop@example.com>".into(),
        to: to.into(),
        reply_to: None,
        subject: "Ihre Bestellung — größer".into(),
        text: "Grüße,\n.\ndie Punkte bleiben\n".into(),
        message_id: format!("{}@recoup", Uuid::now_v7()),
        in_reply_to: None,
        references: vec![],
        unsubscribe: Some("https://shop.example/unsubscribe/x".into()),
        date: SystemClock.now(),
        attachments: vec![],
    }
}

fn server(port: u16, protection: Protection) -> Smtp {
    let config = SmtpConfig {
        host: "127.0.0.1".into(),
        port,
        protection,
        login: None,
        trusted: None,
        hello: "recoup.example".into(),
    };
    Smtp::new(config).with_deadline(Duration::from_millis(300))
}

async fn inbox(address: &str) -> Vec<Value> {
    let url = format!("{}/api/user/{address}/messages/INBOX", variable("GREENMAIL_API"));
    let answer = http_client::client(Duration::from_secs(10)).get(url).send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let (_, port) =
        variable("GREENMAIL_SMTP").rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    let smtp = server(port.parse().unwrap(), Protection::None).with_deadline(Duration::from_secs(20));
    let to = format!("ann-{}@example.com", Uuid::now_v7().simple());
    let file =
        Attachment { file_name: "paper.pdf".into(), media_type: "application/pdf".into(), bytes: b"%PDF-1.7".to_vec() };
    let mail = Mail { attachments: vec![file], references: vec!["first@recoup".into()], ..mail(&to) };
    let receipt = smtp.send(&mail).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some(mail.message_id.as_str()));
    let got = inbox(&to).await;
    assert_eq!(got.len(), 1, "{got:?}");
    let raw = got[0]["mimeMessage"].as_str().unwrap();
    assert_eq!(got[0]["subject"], mail.subject, "{raw}");
    for part in [
        format!("Message-ID: <{}>", mail.message_id),
        "References: <first@recoup>".into(),
        "Auto-Submitted: auto-generated".into(),
        "List-Unsubscribe: <https://shop.example/unsubscribe/x>".into(),
        "filename=\"paper.pdf\"".into(),
        "Gr=C3=BC=C3=9Fe".into(),
    ] {
        assert!(raw.contains(&part), "{part} is not in {raw}");
    }
}

/// Answers each line of a conversation as the test says; an empty answer hangs up, `-` says nothing more.
async fn scripted(answers: &'static [(&'static str, &'static str)]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (read, mut write) = socket.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 here\r\n").await?;
                let mut in_message = false;
                while let Some(line) = lines.next_line().await? {
                    if in_message && line != "." {
                        continue;
                    }
                    let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
                    let said = answers.iter().find(|(known, _)| *known == word).map(|(_, answer)| *answer);
                    let usual = if word == "DATA" { "354 go on" } else { "250 fine" };
                    in_message = word == "DATA" && said.is_none();
                    match said.unwrap_or(usual) {
                        "" => return Ok(()),
                        "-" => std::future::pending::<()>().await,
                        answer => write.write_all(format!("{answer}\r\n").as_bytes()).await?,
                    }
                }
                std::io::Result::Ok(())
            });
        }
    });
    port
}

/// What the server says, and which error that is.
type Case = (&'static [(&'static str, &'static str)], fn(&SendError) -> bool);

#[tokio::test]
async fn what_went_wrong_is_told_by_what_can_be_done_about_it() {
    let gone = |code: &str| SendError::Gone { code: code.into() };
    let refused = |code: &str| SendError::Refused { code: code.into() };
    let cases: [Case; 8] = [
        (&[("RCPT", "550 5.1.1 <ann@example.com> is nobody")], |error| matches!(error, SendError::Gone { .. })),
        (&[("RCPT", "554 no")], |error| matches!(error, SendError::Refused { .. })),
        (&[("RCPT", "452 full")], |error| matches!(error, SendError::Unavailable(_))),
        (&[("MAIL", "550 not you")], |error| matches!(error, SendError::Unavailable(_))),
        (&[("DATA", "")], |error| matches!(error, SendError::Unavailable(_))),
        (&[(".", "554 spam")], |error| matches!(error, SendError::Refused { .. })),
        (&[(".", "")], |error| matches!(error, SendError::Unknown(_))),
        (&[(".", "-")], |error| matches!(error, SendError::Unknown(_))),
    ];
    for (answers, fits) in cases {
        let smtp = server(scripted(answers).await, Protection::None);
        let error = smtp.send(&mail("ann@example.com")).await.unwrap_err();
        assert!(fits(&error), "{answers:?} gave {error:?}");
        assert!(!error.to_string().contains("ann@"), "{error}");
    }
    let port = scripted(&[("RCPT", "550 nobody")]).await;
    assert_eq!(server(port, Protection::None).send(&mail("ann@example.com")).await, Err(gone("550")));
    assert_eq!(server(port, Protection::None).send(&mail("ann")).await, Err(refused("bad_address")));
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_encrypt() {
    // Were the sender named, this would be its answer.
    let port = scripted(&[("MAIL", "250 fine")]).await;
    let error = server(port, Protection::StartTls).send(&mail("ann@example.com")).await.unwrap_err();
    assert!(matches!(&error, SendError::Unavailable(what) if what.starts_with("starttls")), "{error:?}");
    let away = server(1, Protection::None).send(&mail("ann@example.com")).await.unwrap_err();
    assert!(matches!(away, SendError::Unavailable(_)), "{away:?}");
}
