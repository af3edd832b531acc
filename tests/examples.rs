//! The examples of `src/reactor/examples`, run and talked to: what is read as a lesson has to hold.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::support::dns::{A, AAAA, Dns, NXDOMAIN, SERVFAIL, Say};
use crate::support::{Output, PATIENCE, Running, Upcheck, ms, refused_address, skipped, wait_until};

/// As many descriptors as nobody here uses up.
const PLENTY: u32 = 256;

/// More than the kernel keeps of a connection on the way there and back: sender, receiver, sender and receiver.
const MORE_THAN_FITS: usize = 48 << 20;

/// The echo server, which closes who is idle for so many seconds.
struct Echo {
    address: SocketAddr,
    running: Running,
}

impl Echo {
    fn start(idle_seconds: u32, descriptors: u32) -> Option<Echo> {
        let Some(echo) = Upcheck::example("echo", descriptors) else {
            skipped!("the examples are not built");
            return None;
        };
        let mut running = echo.args(["127.0.0.1:0", &idle_seconds.to_string()]).spawn();
        let line = running.lines().next();
        let address = line.strip_prefix("listening on ").expect("where it listens").parse().expect("an address");
        Some(Echo { address, running })
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Fails the test unless a new client is served.
    #[track_caller]
    fn expect_service(&self) {
        let mut client = self.connect();
        expect_echo(&mut client, b"is anybody there?");
    }

    /// Ends it. What it has said on standard error.
    fn stop(self) -> String {
        self.running.signal("KILL");
        self.running.finish().err().to_owned()
    }
}

#[track_caller]
fn expect_echo(client: &mut TcpStream, said: &[u8]) {
    client.write_all(said).expect("it is taken");
    let mut heard = vec![0; said.len()];
    client.read_exact(&mut heard).expect("it comes back");
    assert_eq!(heard, said);
}

/// Bytes that tell by their order if some are lost or doubled.
fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for (n, chunk) in bytes.chunks_mut(64).enumerate() {
        chunk[..4].copy_from_slice(&(n as u32).to_be_bytes());
    }
    bytes
}

/// Writes as much as goes, until none has gone for a while or the connection is gone: how much.
fn fill(client: &mut TcpStream, bytes: &[u8]) -> usize {
    client.set_nonblocking(true).expect("a socket");
    let (mut written, mut moved) = (0, Instant::now());
    while written < bytes.len() && moved.elapsed() < ms(300) {
        match client.write(&bytes[written..]) {
            Ok(length) => (written, moved) = (written + length, Instant::now()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(ms(5)),
            Err(_) => break,
        }
    }
    client.set_nonblocking(false).expect("a socket");
    written
}

#[test]
fn who_sends_without_reading_waits_and_loses_nothing_and_others_are_served_meanwhile() {
    let Some(echo) = Echo::start(60, PLENTY) else { return };
    let said = pattern(MORE_THAN_FITS);
    let mut slow = echo.connect();
    let written = fill(&mut slow, &said);
    assert!(written < said.len(), "the server keeps no more than a little");
    echo.expect_service();

    let mut writer = slow.try_clone().expect("a socket");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&said[written..]).expect("the rest is taken");
            writer.shutdown(Shutdown::Write).expect("a connection");
        });
        let mut heard = Vec::new();
        slow.read_to_end(&mut heard).expect("all comes back, and then the end");
        assert!(heard == said, "{} of {} bytes", heard.len(), said.len());
    });
}

#[test]
fn a_megabyte_comes_back_to_a_reader_that_takes_little_at_a_time() {
    let Some(echo) = Echo::start(60, PLENTY) else { return };
    // A small window, said before the connection is made, so that the server writes in many parts.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.connect(&echo.address.into()).expect("it listens");
    let mut slow = TcpStream::from(socket);
    slow.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let said = pattern(1 << 20);
    let mut writer = slow.try_clone().expect("a socket");
    std::thread::scope(|scope| {
        scope.spawn(|| writer.write_all(&said).expect("it is taken"));
        let mut heard = vec![0; said.len()];
        for (n, part) in heard.chunks_mut(10_000).enumerate() {
            if n % 8 == 0 {
                std::thread::sleep(ms(2));
            }
            slow.read_exact(part).expect("it comes back");
        }
        assert!(heard == said);
    });
}

#[test]
fn clients_are_served_side_by_side() {
    let Some(echo) = Echo::start(60, PLENTY) else { return };
    let mut clients: Vec<TcpStream> = (0..100).map(|_| echo.connect()).collect();
    // Each gets its own back, in whatever order they come.
    for round in 0..3 {
        for (n, client) in clients.iter_mut().enumerate().rev() {
            client.write_all(format!("{round}:{n:03}").as_bytes()).expect("it is taken");
        }
        for (n, client) in clients.iter_mut().enumerate() {
            let mut heard = [0; 5];
            client.read_exact(&mut heard).expect("it comes back");
            assert_eq!(heard, format!("{round}:{n:03}").as_bytes());
        }
    }
}

#[test]
fn who_does_not_move_is_closed_and_who_does_is_not() {
    const IDLE: Duration = Duration::from_secs(2);
    let Some(echo) = Echo::start(IDLE.as_secs() as u32, PLENTY) else { return };
    // Three that stand still: who says nothing, who has been served, and who does not take what is there for it.
    let mut silent = echo.connect();
    let mut served = echo.connect();
    expect_echo(&mut served, b"hello");
    let mut deaf = echo.connect();
    fill(&mut deaf, &vec![0; MORE_THAN_FITS]);

    let mut lively = echo.connect();
    let (started, mut said, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    while started.elapsed() < IDLE + IDLE / 2 {
        std::thread::sleep(IDLE / 10);
        if lively.write_all(b"x").and_then(|()| lively.read_exact(&mut [0])).is_err() {
            // On a busy machine it may have been this test that did not move.
            assert!(longest.max(said.elapsed()) > IDLE / 2, "closed after {:?}", started.elapsed());
            break;
        }
        longest = longest.max(said.elapsed());
        said = Instant::now();
    }
    for client in [&mut silent, &mut served] {
        assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    }
    // What it has not read is lost with it: that is a reset.
    wait_until("it is closed", || match deaf.write(b"x") {
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    });
    echo.expect_service();
}

#[test]
fn who_hangs_up_in_whatever_way_ends_nobody_else() {
    let Some(echo) = Echo::start(60, PLENTY) else { return };
    let mut bystander = echo.connect();
    let reset = |client: TcpStream| SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
    for _ in 0..10 {
        // At once, with something said, and with everything full; and the polite way.
        reset(echo.connect());
        let mut client = echo.connect();
        client.write_all(b"hello").expect("it is taken");
        reset(client);
        drop(echo.connect());
    }
    let mut client = echo.connect();
    fill(&mut client, &vec![0; MORE_THAN_FITS]);
    reset(client);
    expect_echo(&mut bystander, b"still here");
    echo.expect_service();
    assert_eq!(echo.stop(), "");
}

#[test]
fn without_a_descriptor_left_clients_wait_and_are_served_later() {
    // Three standard streams, the loop, the port, and so five clients.
    let Some(echo) = Echo::start(60, 10) else { return };
    let mut clients: Vec<TcpStream> = (0..12).map(|_| echo.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"x").expect("the kernel takes it"));
    for mut client in clients {
        client.read_exact(&mut [0]).expect("its turn comes");
    }
    let said = echo.stop();
    assert!(said.starts_with("Too many open files"), "{said}");
    // It is told, and not told without end.
    assert!(said.lines().count() < 100, "{said}");
}

/// Asks this server for the addresses of a name.
fn resolve(name: &str, server: &str) -> Option<Output> {
    let Some(resolve) = Upcheck::example("resolve", PLENTY) else {
        skipped!("the examples are not built");
        return None;
    };
    Some(resolve.args([name, server]).run())
}

#[test]
fn a_name_is_resolved() {
    let dns = Dns::saying(|question| match question.kind {
        A => question.answer().a([192, 0, 2, 7]).a([192, 0, 2, 8]),
        _ => question.answer().aaaa(0x2001_0db8_u128 << 96 | 7),
    });
    let Some(output) = resolve("name.test", &dns.address()) else { return };
    assert_eq!(output.expect_code(0).out(), "2001:db8::7\n192.0.2.7\n192.0.2.8\n");
    assert_eq!((dns.count(A), dns.count(AAAA)), (1, 1));
    assert!(dns.asked().iter().all(|question| question.name == "name.test." && !question.over_tcp));
}

#[test]
fn what_is_missing_is_said() {
    let dns = Dns::saying(|question| match question.kind {
        A => question.local(),
        _ => question.answer().rcode(SERVFAIL),
    });
    let Some(output) = resolve("name.test", &dns.address()) else { return };
    assert_eq!(output.expect_code(0).out(), "127.0.0.1\n");
    assert_eq!(output.err(), format!("AAAA: {} answered SERVFAIL\n", dns.address()));
}

#[test]
fn a_false_answer_is_not_believed_and_the_true_one_behind_it_is() {
    let dns = Dns::saying(|question| {
        let lie = question.answer().a([192, 0, 2, 66]).other_id();
        vec![Say::Bytes(b"?".to_vec()), Say::This(lie), Say::This(question.local())]
    });
    let Some(output) = resolve("name.test", &dns.address()) else { return };
    assert_eq!(output.expect_code(0).out(), "127.0.0.1\n");
}

#[test]
fn a_server_that_is_silent_at_first_is_asked_again() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let dns = Dns::saying(move |question| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 | 1 => Vec::new(),
        _ => question.local().into(),
    });
    let Some(output) = resolve("name.test", &dns.address()) else { return };
    assert_eq!(output.expect_code(0).out(), "127.0.0.1\n");
    assert_eq!((dns.count(A), dns.count(AAAA)), (2, 2));
}

#[test]
fn why_there_is_no_address_is_said_in_words() {
    let nobody = refused_address();
    let absent = Dns::saying(|question| question.answer().rcode(NXDOMAIN).soa(60));
    let empty = Dns::saying(|question| question.answer().soa(60));
    // This example has no TCP, and says so in the machine's words.
    let cut_short = Dns::saying(|question| question.answer().cut_short());
    let cases = [
        ("name.test", absent.address(), format!("no such name (NXDOMAIN from {})", absent.address())),
        ("name.test", empty.address(), format!("the name has no address (said {})", empty.address())),
        ("name.test", cut_short.address(), format!("{} gave no usable answer over TCP", cut_short.address())),
        ("name.test", nobody.to_string(), format!("{nobody} is unreachable")),
        ("name..test", nobody.to_string(), "a part of the name is empty".to_owned()),
        ("name.test", "nowhere".to_owned(), "'nowhere' is not an address".to_owned()),
    ];
    for (name, server, words) in cases {
        let Some(output) = resolve(name, &server) else { return };
        assert_eq!(output.expect_code(1).err().trim_end(), words, "{name} {server}");
    }
}
