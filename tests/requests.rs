//! What is sent: the request flags, the same as options of a line, and what is refused before anything is sent.

use crate::support::{Request, Server, TempDir, Upcheck};

/// Checks the server with these arguments, and gives what it was asked.
#[track_caller]
fn asked(arguments: &[&str], input: &str) -> Request {
    let server = Server::ok();
    Upcheck::new().args(arguments).arg(server.url("/")).stdin(input).run().expect_code(0);
    server.request()
}

#[test]
fn the_method_follows_from_the_flags() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&[], "GET", ""),
        (&["-I"], "HEAD", ""),
        (&["--head"], "HEAD", ""),
        (&["-d", "a=1"], "POST", "a=1"),
        (&["-d", ""], "POST", ""),
        (&["-X", "DELETE"], "DELETE", ""),
        (&["-X", "PUT", "--data", "x"], "PUT", "x"),
        (&["-I", "-X", "OPTIONS"], "OPTIONS", ""),
        (&["--request", "m-search"], "m-search", ""),
    ];
    for (arguments, method, body) in cases {
        let request = asked(arguments, "");
        assert_eq!(request.method(), *method, "{arguments:?}");
        assert_eq!(request.body, body.as_bytes(), "{arguments:?}");
        let length = arguments.iter().any(|argument| matches!(*argument, "-d" | "--data"));
        assert_eq!(request.header("content-length").is_some(), length, "{arguments:?}: {request:?}");
    }
}

#[test]
fn data_comes_from_the_flag_a_file_or_standard_input() {
    let folder = TempDir::new();
    let file = folder.write("body.json", "{\n  \"a\": 1\r\n}\n");
    let from_file = format!("@{file}");
    // As with curl's -d, line ends in a file are not part of it, and several are joined.
    let cases: &[(&[&str], &str, &str)] = &[
        (&["-d", &from_file], "", "{  \"a\": 1}"),
        (&["-d", "@-"], "from a\npipe\n", "from apipe"),
        (&["-d", "a=1", "-d", "b=2", "-d", "@-"], "c=3", "a=1&b=2&c=3"),
    ];
    for (arguments, input, body) in cases {
        let request = asked(arguments, input);
        assert_eq!(String::from_utf8_lossy(&request.body), *body, "{arguments:?}");
        assert_eq!(request.header("content-length"), Some(body.len().to_string().as_str()), "{arguments:?}");
    }
}

#[test]
fn headers_are_set_emptied_and_left_out() {
    let folder = TempDir::new();
    let file = folder.write("headers", "X-One: 1\r\n\r\nX-Two:2\nAccept:\n");
    let request = asked(&["-H", &format!("@{file}"), "-H", "X-Three;", "-H", "Connection:"], "");
    assert_eq!(request.header("x-one"), Some("1"));
    assert_eq!(request.header("x-two"), Some("2"));
    assert_eq!(request.header("x-three"), Some(""));
    assert_eq!(request.header("accept"), None, "left out");
    assert_eq!(request.header("connection"), None, "left out");
    let request = asked(&["-H", "@-"], "X-Piped: yes\n");
    assert_eq!(request.header("x-piped"), Some("yes"));
}

#[test]
fn who_asks_is_said_by_the_most_particular() {
    // A header of the user's own wins over all; what stands in the URL wins over what is said for all.
    let server = Server::ok();
    let url = |path: &str| format!("http://in:url@{}{path}", server.address());
    Upcheck::new().args(["-u", "for:all"]).arg(url("/1")).arg(server.url("/2")).run().expect_code(0);
    Upcheck::new().args(["-H", "Authorization: Bearer t", "-u", "for:all"]).arg(url("/3")).run().expect_code(0);
    let authorization = |path: &str| {
        let requests = server.requests();
        let request = requests.iter().find(|request| request.path() == path).expect("it was asked");
        request.header("authorization").map(str::to_owned)
    };
    assert_eq!(authorization("/1").as_deref(), Some("Basic aW46dXJs"));
    assert_eq!(authorization("/2").as_deref(), Some("Basic Zm9yOmFsbA=="));
    assert_eq!(authorization("/3").as_deref(), Some("Bearer t"));
}

#[test]
fn a_line_says_the_same_as_the_flags() {
    let server = Server::ok();
    let folder = TempDir::new();
    let data = folder.write("data", "k=v\n");
    let headers = folder.write("headers", "X-A: 1\nX-B: 2\n");
    let list = format!(
        "{0} request=PATCH data=@{data} header=@{headers} header='X-C: three words' user-agent=probe/1 user=u:p\n\
         default header='X-D: ${{WORD}}'\n\
         {1} head\n",
        server.url("/1"),
        server.url("/2"),
    );
    let file = folder.write("targets", list);
    Upcheck::new().args(["-H", "X-E: e", "-f", &file]).env("WORD", "4 'quoted'").run().expect_code(0);
    let requests = server.requests();
    let to = |path: &str| requests.iter().find(|request| request.path() == path).expect("it was asked");
    let first = to("/1");
    assert_eq!((first.method(), first.body.as_slice()), ("PATCH", &b"k=v"[..]));
    for (name, value) in [
        ("x-a", "1"),
        ("x-b", "2"),
        ("x-c", "three words"),
        ("x-e", "e"),
        ("user-agent", "probe/1"),
        ("authorization", "Basic dTpw"),
    ] {
        assert_eq!(first.header(name), Some(value), "{name}");
    }
    let second = to("/2");
    assert_eq!(second.method(), "HEAD");
    assert_eq!(second.header("x-d"), Some("4 'quoted'"));
    assert_eq!(second.header("x-e"), Some("e"));
    assert_eq!(second.header("x-a"), None, "the first line's own");
}

#[test]
fn nothing_can_be_smuggled_into_a_request() {
    let server = Server::ok();
    let folder = TempDir::new();
    let good = server.url("/");
    let smuggled = format!("{good}a\r\nX-Evil: 1");
    let file = folder.write("headers", "X-Good: 1\nno colon\n");
    let named = format!("@{file}");
    let place = format!("{file}:2: ");
    let cases: &[(&[&str], &str)] = &[
        (&["-H", "X: a\r\nX-Evil: 1", &good], "-H: a header value has no control characters"),
        (&["-H", "X: a\nX-Evil: 1", &good], "no control characters"),
        (&["-H", "X\r\nX-Evil: 1", &good], "a header name has only"),
        (&["-H", "X y: a", &good], "a header name has only"),
        (&["-H", "nothing", &good], "a header is written 'Name: value'"),
        (&["-H", "Content-Length: 5", &good], "set from the body"),
        (&["-H", "transfer-encoding: chunked", &good], "set from the body"),
        (&["-H", &named, &good], &place),
        (&["-H", "@/nowhere/at/all", &good], "/nowhere/at/all: No such file"),
        (&["-A", "a\r\nX-Evil: 1", &good], "-A: a header value has no control characters"),
        (&["-X", "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\n", &good], "is not a request method"),
        (&["-X", "", &good], "is not a request method"),
        (&["-u", "a:b\r\nX-Evil: 1", &good], "-u: must be NAME:PASSWORD"),
        (&["-u", "nobody", &good], "-u: must be NAME:PASSWORD"),
        (&["-d", "@/nowhere/at/all", &good], "/nowhere/at/all: No such file"),
        (&[&smuggled], "a URL has no spaces and no control characters"),
        (&[&format!("http://a%0d%0aX-Evil:b@{}/", server.address())], "printable byte"),
    ];
    for (arguments, message) in cases {
        let output = Upcheck::new().args(*arguments).run();
        output.expect_code(3);
        assert!(output.err().contains(message), "{arguments:?}: {output:?}");
        assert!(output.out().is_empty(), "{output:?}");
    }
    let list =
        folder.write("targets", format!("{good} header='X: ${{EVIL}}'\n{good} data=@-\n{good} user-agent=${{EVIL}}\n"));
    let output = Upcheck::new().args(["-f", &list]).env("EVIL", "a\r\nX-Evil: 1").stdin("data").run();
    output.expect_code(3);
    for message in [
        "targets:1:",
        "header: a header value has no control characters",
        "targets:2:",
        "data: standard input is read by flags only",
        "targets:3:",
        "user-agent: a header value",
        "3 errors in the targets: nothing was checked",
    ] {
        assert!(output.err().contains(message), "{message}: {output:?}");
    }
    assert_eq!(server.accepted(), 0, "nothing was sent");
}

#[test]
fn standard_input_is_read_by_one_flag() {
    // Whoever came second would read nothing, and nobody would be told.
    let cases: &[&[&str]] =
        &[&["-f", "-", "-d", "@-"], &["-d", "@-", "-H", "@-"], &["--cacert", "-", "--file", "-"], &["-f-", "-f-"]];
    for arguments in cases {
        let output = Upcheck::new().args(*arguments).stdin("http://127.0.0.1:1/\n").run();
        output.expect_code(3);
        assert!(output.err().contains("both want standard input"), "{output:?}");
    }
}
