//! Files in mails become documents of their own, for the purposes that the mail was sent for.

use std::os::unix::fs::PermissionsExt;

use evidence::read_document::ReadDocument;
use evidence::reading::invoice::Invoice;
use evidence::reading::mail::{self, Mail};
use evidence::reading::refusal::Refusal;
use evidence::register_evidence::Register;
use evidence::reread_document::Reread;
use service_kit::jobs::Worker;
use shared_events::evidence::{EvidenceSource, RereadDocument};
use shared_events::{DocumentId, ProofRequestId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use super::bed::{Bed, pdf};
use super::reading::state;
use crate::match_bed::numbered;

const XML: &str = "<?xml version=\"1.0\"?><Invoice/>";

fn eml() -> Vec<u8> {
    let parts = [
        "Content-Type: text/plain\r\n\r\nplease find attached".to_owned(),
        // `%PDF-1.7`, a new line and `attached`.
        "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcKYXR0YWNoZWQ="
            .to_owned(),
        format!("Content-Type: text/xml; name=b.xml\r\n\r\n{XML}"),
        "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=c.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA=".to_owned(),
    ];
    let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    format!("From: a@supplier.example\r\nTo: b@seller.example\r\nSubject: Invoice\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n").into_bytes()
}

/// Runs the jobs of reading: mails are opened as `answer` says, and everything else is this invoice.
async fn read(bed: &Bed, answer: &Result<Mail, Refusal>, invoice: &Invoice) {
    let (script, opened, said) =
        (bed.folder.join("reader"), bed.folder.join("mail.json"), bed.folder.join("said.json"));
    std::fs::write(&opened, serde_json::to_vec(answer).unwrap()).unwrap();
    std::fs::write(&said, serde_json::to_vec(&Ok::<_, Refusal>(invoice)).unwrap()).unwrap();
    let text = format!(
        "#!/bin/sh\ncat > /dev/null\ncase \"$*\" in *--mail*) cat '{}' ;; *) cat '{}' ;; esac\n",
        opened.display(),
        said.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let worker = Worker::new(bed.store.clone()).on(ReadDocument { program: script, files: bed.files.clone() });
    while worker.run_next().await.unwrap() {}
    bed.run_jobs().await;
}

/// Sends a mail for a request.
async fn send(bed: &Bed, content: &[u8], request: Uuid, partner: Option<&str>) -> DocumentId {
    let file = bed.stored(content).await;
    let id = DocumentId::of(&bed.tenant, &file.sha256);
    let mut submission = bed.submission(EvidenceSource::File(file), partner);
    submission.request_id = Some(ProofRequestId(request));
    bed.handle(&Register, submission).await.unwrap();
    id
}

/// The files of a mail in their order, with the name there.
async fn files(bed: &Bed, mail: DocumentId) -> Vec<(Uuid, String)> {
    let mut work = bed.work().await;
    sqlx::query_as("SELECT document_id, file_name FROM document_attachments WHERE mail_id = $1 ORDER BY position")
        .bind(mail.0)
        .fetch_all(work.conn())
        .await
        .unwrap()
}

/// For which requests and partners a document was sent.
async fn purposes(bed: &Bed, document: Uuid) -> Vec<(Uuid, Option<String>)> {
    let mut work = bed.work().await;
    sqlx::query_as("SELECT request_id, partner FROM submissions WHERE document_id = $1 ORDER BY seq")
        .bind(document)
        .fetch_all(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn each_file_of_a_mail_is_a_document_of_its_own(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let [first, second] = [Uuid::now_v7(), Uuid::now_v7()];
    let mail = send(&bed, &eml(), first, None).await;
    let (opened, invoice) = (mail::open(&eml()), numbered("INV-7"));
    read(&bed, &opened, &invoice).await;
    assert_eq!(state(&bed, mail).await, ("kept".into(), Some("mail".into())));
    let found = files(&bed, mail).await;
    assert_eq!(found.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["a.pdf", "b.xml"]);
    assert_eq!(bed.content(DocumentId(found[0].0)).await, pdf("attached"));
    assert_eq!(bed.content(DocumentId(found[1].0)).await, XML.as_bytes());
    for (document, _) in &found {
        assert_eq!(state(&bed, DocumentId(*document)).await, ("parsed".into(), None));
        assert_eq!(purposes(&bed, *document).await, [(first, None)]);
    }
    assert_eq!(bed.objects(), 3);
    // The same mail for another purpose: its files are sent for that too, and nothing is stored twice.
    assert_eq!(send(&bed, &eml(), second, Some("p1")).await, mail);
    bed.run_jobs().await;
    for (document, _) in &found {
        assert_eq!(purposes(&bed, *document).await, [(first, None), (second, Some("p1".into()))]);
    }
    // Opened once more, as after a kill: the same documents and submissions.
    bed.handle(&Reread, RereadDocument { document_id: mail }).await.unwrap();
    read(&bed, &opened, &invoice).await;
    assert_eq!((files(&bed, mail).await, bed.objects()), (found.clone(), 3));
    assert_eq!(purposes(&bed, found[0].0).await.len(), 2);
    let registered = bed.kinds_said().await.iter().filter(|kind| *kind == "evidence.evidence_registered.v1").count();
    assert_eq!(registered, 2 + 4);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_mail_that_cannot_be_opened_brings_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mail = send(&bed, &eml(), Uuid::now_v7(), None).await;
    read(&bed, &Err(Refusal::hostile("reader-died", "the reader was ended by signal 11")), &numbered("INV-7")).await;
    assert_eq!(state(&bed, mail).await, ("quarantined".into(), Some("reader-died".into())));
    assert_eq!((files(&bed, mail).await.len(), bed.objects()), (0, 1));
    // Nor does one without files, and nothing is wrong with it.
    let plain = b"From: a@supplier.example\r\nTo: b@seller.example\r\nSubject: Hello\r\nDate: Mon, 1 Jan 2026 00:00:00 +0000\r\n\r\nHello\r\n";
    let mail = send(&bed, plain, Uuid::now_v7(), None).await;
    read(&bed, &mail::open(plain), &numbered("INV-7")).await;
    assert_eq!(state(&bed, mail).await, ("kept".into(), Some("mail".into())));
    assert_eq!(files(&bed, mail).await.len(), 0);
}
