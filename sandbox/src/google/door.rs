//! A door before an IMAP server: it opens by an access token (XOAUTH2) alone, as Gmail's does, and whoever is inside talks to the server
//! behind it.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::Google;

/// What Gmail says to a token that is not good, in base64: `{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`.
const COMPLAINT: &[u8] =
    b"+ eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n";

impl Google {
    /// Lets people with tokens through to the server `behind`, which has to let anybody in.
    pub async fn door(self, listener: TcpListener, behind: SocketAddr) {
        while let Ok((stream, _)) = listener.accept().await {
            let google = self.clone();
            // Whoever hangs up is gone.
            tokio::spawn(async move { google.let_in(BufReader::new(stream), behind).await });
        }
    }

    async fn let_in(self, mut outside: BufReader<TcpStream>, behind: SocketAddr) -> std::io::Result<()> {
        outside.write_all(b"* OK the door listens\r\n").await?;
        loop {
            let mut line = String::new();
            if outside.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let mut words = line.split_whitespace();
            let (tag, command) = (words.next().unwrap_or("*").to_owned(), words.collect::<Vec<_>>().join(" "));
            match command.to_ascii_uppercase().as_str() {
                "AUTHENTICATE XOAUTH2" => {
                    outside.write_all(b"+ \r\n").await?;
                    let mut said = String::new();
                    outside.read_line(&mut said).await?;
                    let said = STANDARD
                        .decode(said.trim())
                        .ok()
                        .and_then(|said| String::from_utf8(said).ok())
                        .unwrap_or_default();
                    let of =
                        |name: &str| said.split('\u{1}').find_map(|part| part.strip_prefix(name)).unwrap_or_default();
                    let (user, token) = (of("user=").to_owned(), of("auth=Bearer ").to_owned());
                    if self.opens(&user, &token) {
                        return inside(outside, behind, &tag, &user).await;
                    }
                    outside.write_all(COMPLAINT).await?;
                    outside.read_line(&mut String::new()).await?;
                    outside
                        .write_all(format!("{tag} NO [AUTHENTICATIONFAILED] Invalid credentials\r\n").as_bytes())
                        .await?;
                }
                "LOGOUT" => {
                    outside.write_all(format!("* BYE\r\n{tag} OK\r\n").as_bytes()).await?;
                    return Ok(());
                }
                _ => outside.write_all(format!("{tag} NO sign in by XOAUTH2\r\n").as_bytes()).await?,
            }
        }
    }
}

/// Signs in at the server behind the door, by any password, and hands over.
async fn inside(mut outside: BufReader<TcpStream>, behind: SocketAddr, tag: &str, user: &str) -> std::io::Result<()> {
    let mut server = BufReader::new(TcpStream::connect(behind).await?);
    server.read_line(&mut String::new()).await?;
    server.write_all(format!("{tag} LOGIN {user} anything\r\n").as_bytes()).await?;
    let mut answer = String::new();
    while !answer.starts_with(tag) {
        answer.clear();
        if server.read_line(&mut answer).await? == 0 {
            return Ok(());
        }
    }
    outside.write_all(answer.as_bytes()).await?;
    copy_bidirectional(&mut outside, &mut server).await.map(drop)
}
