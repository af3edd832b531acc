//! Requests as they go out.

use super::*;

fn encode(template: &Template, url: &str) -> String {
    let (url, user) = Url::parse(url).unwrap();
    let mut out = Vec::new();
    template.encode(&url, user.as_deref(), Form::default(), &mut out);
    String::from_utf8(out).unwrap()
}

fn fields(lines: &[&str]) -> Vec<Field> {
    lines.iter().map(|line| Field::parse(line).unwrap()).collect()
}

#[test]
fn a_plain_request() {
    assert_eq!(
        encode(&Template::new("GET", &[], None), "http://Example.com:8080/a?b"),
        format!(
            "GET /a?b HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n\
             Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
        )
    );
}

#[test]
fn a_users_headers_replace_remove_and_add() {
    let fields =
        fields(&["accept: text/html", "User-Agent:", "Host: other", "X-Empty;", "X: 1", "X: 2", "Connection: close"]);
    assert_eq!(
        encode(&Template::new("GET", &fields, None), "h"),
        "GET / HTTP/1.1\r\nHost: other\r\nAccept-Encoding: identity\r\n\
         accept: text/html\r\nX-Empty: \r\nX: 1\r\nX: 2\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn methods_that_have_a_body_say_that_there_is_none() {
    for (method, says) in [("POST", true), ("PUT", true), ("PATCH", true), ("GET", false), ("DELETE", false)] {
        let text = encode(&Template::new(method, &[], None), "h");
        assert_eq!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"), says, "{text}");
        assert!(!text.contains("Content-Type"), "{text}");
        let elsewhere = Form { as_get: false, elsewhere: true };
        let mut out = Vec::new();
        Template::new(method, &[], None).encode(&Url::parse("h").unwrap().0, None, elsewhere, &mut out);
        assert_eq!(out.ends_with(b"Content-Length: 0\r\n\r\n"), says, "{method}");
    }
}

#[test]
fn a_body_goes_with_its_length() {
    let text = encode(&Template::new("POST", &fields(&["Accept:", "User-Agent:"]), Some(&(*b"a=1").into())), "h");
    assert!(
        text.ends_with("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=1"),
        "{text}"
    );
}

#[test]
fn basic_authentication() {
    let template = Template::new("GET", &[], None);
    for (user, encoded) in [("a:b", "YTpi"), ("ab:c", "YWI6Yw=="), ("abc:d", "YWJjOmQ="), ("%3F%3E%3Fä:", "Pz4/w6Q6")]
    {
        let text = encode(&template, &format!("http://{user}@h/"));
        assert!(text.contains(&format!("\r\nAuthorization: Basic {encoded}\r\n")), "{text}");
    }
    let own = Template::new("GET", &fields(&["authorization: Bearer x"]), None);
    assert!(!encode(&own, "http://a:b@h/").contains("Basic"));
}

#[test]
fn what_a_redirect_makes_of_a_request() {
    let said = ["Accept:", "Host: own", "Cookie: secret", "X: y", "Connection: keep-alive", "content-type: a/b"];
    let mut fields = fields(&said);
    fields.push(Field::parse("User-Agent: me").unwrap().everywhere());
    let template = Template::new("POST", &fields, Some(&(*b"a=1").into()));
    let (url, _) = Url::parse("http://h/").unwrap();
    let encode = |form| {
        let mut out = Vec::new();
        template.encode(&url, None, form, &mut out);
        String::from_utf8(out).unwrap()
    };
    let get = encode(Form { as_get: true, elsewhere: false });
    let own = "Accept-Encoding: identity\r\nCookie: secret\r\nX: y\r\nConnection: keep-alive\r\nUser-Agent: me\r\n";
    assert_eq!(get, format!("GET / HTTP/1.1\r\nHost: own\r\n{own}\r\n"));
    // What was said for the one origin is not told to another, and what it replaced is back.
    let elsewhere = encode(Form { as_get: true, elsewhere: true });
    let others = "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\nUser-Agent: me\r\n";
    assert_eq!(elsewhere, format!("GET / HTTP/1.1\r\nHost: h\r\n{others}\r\n"));
    let posted = encode(Form { as_get: false, elsewhere: true });
    let body = "content-type: a/b\r\nContent-Length: 3\r\n\r\na=1";
    assert_eq!(posted, format!("POST / HTTP/1.1\r\nHost: h\r\n{others}{body}"));
    let [home, away] = [false, true].map(|elsewhere| template.closes(Form { as_get: false, elsewhere }));
    assert_eq!((home, away), (false, true));
    let kept = Template::new("GET", &[Field::no_connection()], None);
    assert!(!kept.closes(Form { as_get: false, elsewhere: true }), "it is our own wish, for all");
    assert!([301, 302, 303].iter().all(|status| template.becomes_get(*status)));
    assert!(![307, 308].iter().any(|status| template.becomes_get(*status)));
    let put = Template::new("PUT", &[], None);
    assert!(put.becomes_get(303) && !put.becomes_get(302));
    assert!(!Template::new("HEAD", &[], None).becomes_get(303));
}

#[test]
fn what_a_request_says_of_its_connection() {
    let cases: [(&[&str], bool); 5] = [
        (&[], true),
        (&["Connection:"], false),
        (&["connection: keep-alive"], false),
        (&["Connection:", "Connection: x, Close"], true),
        (&["Connection: closed"], false),
    ];
    for (lines, closes) in cases {
        assert_eq!(Template::new("GET", &fields(lines), None).closes(Form::default()), closes, "{lines:?}");
    }
    let as_get = Form { as_get: true, elsewhere: false };
    for (method, idempotent) in
        [("GET", true), ("HEAD", true), ("PUT", true), ("POST", false), ("PATCH", false), ("X", false)]
    {
        let template = Template::new(method, &[], None);
        assert_eq!((template.is_idempotent(Form::default()), template.is_idempotent(as_get)), (idempotent, true));
    }
}

#[test]
fn what_a_proxy_is_asked() {
    let template = Template::new("GET", &fields(&["User-Agent:", "Accept:", "Authorization: Bearer x"]), None);
    let text = |url: &str, user: Option<&[u8]>| {
        let mut out = Vec::new();
        template.encode_for_proxy(&Url::parse(url).unwrap().0, None, Form::default(), user, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        text("http://h/a?b", Some(b"a:b")),
        "GET http://h/a?b HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic YTpi\r\nAccept-Encoding: identity\r\nConnection: close\r\n\
         Authorization: Bearer x\r\n\r\n"
    );
    assert!(text("http://h:81", None).starts_with("GET http://h:81/ HTTP/1.1\r\nHost: h:81\r\nAccept-Encoding"));

    let connect = |url: &str, user: Option<&[u8]>| {
        let mut out = Vec::new();
        encode_connect(&Url::parse(url).unwrap().0, user, &mut out);
        String::from_utf8(out).unwrap()
    };
    let rest = format!("User-Agent: {USER_AGENT}\r\n\r\n");
    for (url, authority) in [
        ("https://h/x", "h:443"),
        ("https://h:8443", "h:8443"),
        ("tcp://[::1]:22", "[::1]:22"),
        ("https://[::1]", "[::1]:443"),
    ] {
        assert_eq!(connect(url, None), format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{rest}"));
    }
    assert!(connect("tcp://h:1", Some(b"a:b")).contains("\r\nProxy-Authorization: Basic YTpi\r\n"));
}

#[test]
fn header_injection_is_refused() {
    let cases = [
        ("X: a\r\nY: b", FieldError::Value),
        ("X: a\nb", FieldError::Value),
        ("X: a\0", FieldError::Value),
        ("X\r\nY: b", FieldError::Name),
        ("X Y: b", FieldError::Name),
        (": b", FieldError::Name),
        (";", FieldError::Name),
        ("", FieldError::NoColon),
        ("X", FieldError::NoColon),
        ("Content-length: 3", FieldError::Framing),
        ("Transfer-Encoding: chunked", FieldError::Framing),
    ];
    for (line, error) in cases {
        assert_eq!(Field::parse(line), Err(error), "{line:?}");
        assert!(!error.to_string().is_empty());
    }
}
