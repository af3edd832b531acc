//! A client's bytes, in the clear or through TLS. The states of the server know plaintext alone; here it is read and written, a step at a
//! time and without waiting.

use std::io;

use crate::conn::{Conn, would_block};

/// Reads from the socket once, and appends to `input` what came of it: with TLS this may be nothing yet. 0: the client has said all.
///
/// # Errors
/// `WouldBlock` when there is nothing now, anything else when it is over. If TLS has failed, the alert that says so has gone.
pub(super) fn receive(conn: &mut Conn, buffer: &mut [u8], input: &mut Vec<u8>) -> io::Result<usize> {
    if conn.tls.as_ref().is_some_and(|tls| tls.close_notify_seen()) {
        return Ok(0);
    }
    let length = conn.fill(buffer)?;
    match &mut conn.tls {
        None => input.extend_from_slice(&buffer[..length]),
        Some(tls) => {
            let fed = tls.feed(&buffer[..length], |plaintext| input.extend_from_slice(plaintext));
            // The answer to a handshake's message. What does not fit now goes when there is room.
            unless_full(flush(conn))?;
            fed.map_err(io::Error::other)?;
        }
    }
    Ok(length)
}

/// Writes as much as fits: how many bytes. What TLS has taken and could not write yet counts as written; [`flush`] says when it has gone.
///
/// # Errors
/// `WouldBlock` when nothing fits now, anything else when it is over.
pub(super) fn send(conn: &mut Conn, bytes: &[u8]) -> io::Result<usize> {
    flush(conn)?;
    let Some(tls) = &mut conn.tls else { return conn.write(bytes) };
    let taken = tls.write_plaintext(bytes).map_err(io::Error::other)?;
    unless_full(flush(conn))?;
    Ok(taken)
}

/// Writes all that TLS holds for the client.
///
/// # Errors
/// `WouldBlock` when not all of it fits now, anything else when it is over.
pub(super) fn flush(conn: &mut Conn) -> io::Result<()> {
    while conn.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
        conn.flush_tls()?;
    }
    Ok(())
}

/// Says that nothing more will come (close_notify), where there is TLS to say it in.
pub(super) fn say_goodbye(conn: &mut Conn) {
    if let Some(tls) = &mut conn.tls {
        tls.close();
    }
    // A client that takes nothing any more does not miss it.
    let _ = flush(conn);
}

fn unless_full(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if would_block(&error) => Ok(()),
        result => result,
    }
}
