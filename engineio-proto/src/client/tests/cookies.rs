//! Cookies.

use super::*;

/// The cookies that are sent `ms` milliseconds after a handshake whose response has these headers.
fn jar(config: ConfigBuilder, headers: &[(&str, &str)], ms: u64) -> String {
    let mut script = open(config.upgrade(false));
    script.out();
    let mut response = http::Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    script.now = script.start + Duration::from_millis(ms);
    script.session.handle_response(RequestId(0), response.body(Bytes::from(OPEN)).unwrap(), script.start);
    script.session.send("x".into()).unwrap();
    script.session.handle_timeout(script.now);
    let request = script.request();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    request.headers().get("cookie").map(text).unwrap_or_default()
}

fn kept(cookies: &[&str], ms: u64) -> String {
    let headers: Vec<_> = cookies.iter().map(|cookie| ("set-cookie", *cookie)).collect();
    jar(config().cookies(true), &headers, ms)
}

#[test]
fn cookies_are_sent_back_only_if_enabled() {
    assert_eq!(kept(&["1=1; Path=/; HttpOnly", "2=2"], 0), "1=1; 2=2");
    assert_eq!(jar(config(), &[("set-cookie", "1=1")], 0), "");
}

#[test]
fn cookie_values_are_kept_unchanged() {
    assert_eq!(kept(&["a=b=c&d; Path=/", "q=\"x y\"", "a=2"], 0), "a=2; q=x y");
    assert_eq!(kept(&["novalue", "=x", "e="], 0), "e=");
}

#[test]
fn cookies_expire() {
    assert_eq!(kept(&["a=1; max-age=10", "b=2; Max-Age=0", "c=3; Max-Age=x", "d=4; Max-Age=-1"], 9_999), "a=1");
    assert_eq!(kept(&["a=1; max-age=10"], 10_000), "");
    assert_eq!(kept(&["a=1; Max-Age=99999999999999999999999", "b=1; Max-Age=9223372036854775807"], 1), "b=1");
    let gone = "a=1; expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(kept(&[gone, "b=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT", "c=1; Expires=soon"], 0), "b=1");
}

#[test]
fn an_expiry_is_compared_with_the_servers_clock() {
    let headers = [
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("set-cookie", "a=1; Expires=Thu, 01 Jan 2026 00:00:10 GMT"),
        ("set-cookie", "b=1; Expires=Wed, 31 Dec 2025 00:00:00 GMT"),
        ("set-cookie", "c=1; Expires=Wed, 31 Dec 2025 00:00:00 GMT; Max-Age=60"),
    ];
    assert_eq!(jar(config().cookies(true), &headers, 9_000), "a=1; c=1");
    assert_eq!(jar(config().cookies(true), &headers, 10_000), "c=1");
}

#[test]
fn the_applications_cookies_come_first() {
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", "own=1".parse().unwrap());
    let config = config().headers(headers).cookies(true);
    assert_eq!(jar(config.clone(), &[("set-cookie", "a=1")], 0), "own=1; a=1");
    assert_eq!(jar(config, &[], 0), "own=1");
}

#[test]
fn the_jar_is_bounded() {
    let many: Vec<_> = (0..1000).map(|n| format!("c{n}=1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(kept(&many, 0).split("; ").count(), 64);
    assert_eq!(kept(&[&format!("a={}", "x".repeat(5000))], 0), "");
}

#[test]
fn a_websocket_has_the_cookies_too() {
    let mut script = open(config().cookies(true));
    script.out();
    let response = http::Response::builder().header("set-cookie", "a=1").body(Bytes::from(OPEN)).unwrap();
    script.session.handle_response(RequestId(0), response, script.now);
    let Some(Transmit::Connect { request, .. }) = script.session.poll_transmit() else { panic!() };
    // The cookies of the handshake's response are already stored.
    assert_eq!(request.headers()["cookie"], "a=1");
    let (parts, ()) = http::Response::builder().header("set-cookie", "b=2").body(()).unwrap().into_parts();
    script.session.handle_websocket(WebSocketId(1), &parts, script.now);
    script.session.send("x".into()).unwrap();
    script.session.poll_transmit();
    script.session.poll_transmit();
    assert_eq!(script.request().headers()["cookie"], "a=1; b=2");
}
