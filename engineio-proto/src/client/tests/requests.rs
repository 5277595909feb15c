//! The requests of a session.

use super::*;
use http::{HeaderMap, HeaderValue};

fn uri(config: ConfigBuilder) -> String {
    open(config).request().uri().to_string()
}

fn websocket_uri(config: ConfigBuilder) -> String {
    let Some(Transmit::Connect { request, .. }) =
        open(config.transports([TransportKind::WebSocket])).session.poll_transmit()
    else {
        panic!("no WebSocket")
    };
    request.uri().to_string()
}

#[test]
fn query_parameters_have_a_fixed_order() {
    assert_eq!(uri(config()), "/engine.io/?EIO=4&transport=polling");
    assert_eq!(uri(config().path("/a/b/").add_trailing_slash(false)), "/a/b?EIO=4&transport=polling");
    assert_eq!(uri(config().path("/")), "/?EIO=4&transport=polling");
    assert_eq!(uri(config().path("/").add_trailing_slash(false)), "/?EIO=4&transport=polling");
    let query = config().query([("a", "b c"), ("ü", "&=+!~*'()")]).force_base64(true);
    assert_eq!(uri(query.clone()), "/engine.io/?a=b%20c&%C3%BC=%26%3D%2B!~*'()&EIO=4&transport=polling&b64=1");
    let mut script = open(query.upgrade(false));
    script.out();
    script.session.handle_response(
        RequestId(0),
        http::Response::new(OPEN.replace("\"S\"", "\"S/+\"").into()),
        script.now,
    );
    let uri = script.request().uri().to_string();
    assert!(uri.ends_with("&EIO=4&transport=polling&sid=S%2F%2B&b64=1"), "{uri}");
    assert_eq!(websocket_uri(config().force_base64(true)), "/engine.io/?EIO=4&transport=websocket&b64=1");
}

#[test]
fn reserved_query_parameters_are_dropped() {
    let query = [("EIO", "3"), ("sid", "x"), ("t", "y"), ("transport", "z"), ("b64", "0"), ("T", "1")];
    assert_eq!(uri(config().query(query)), "/engine.io/?t=y&T=1&EIO=4&transport=polling");
}

#[test]
fn polling_has_timestamps_that_never_repeat() {
    let mut script = open_with(Config::builder().upgrade(false), Start { entropy: 42, ..Start::default() });
    let first = script.request().uri().to_string();
    let stamp = first.strip_prefix("/engine.io/?EIO=4&transport=polling&t=").unwrap();
    assert!(stamp.len() == 8 && stamp.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    script.answer(0, OPEN);
    script.session.handle_response(RequestId(1), http::Response::new("6".into()), script.now);
    script.session.poll_event();
    let second = script.request().uri().to_string();
    assert!(second.ends_with("&sid=S") && !second.contains(stamp), "{second}");

    assert!(!websocket_uri(Config::builder()).contains("t=0"));
    let stamped = Config::builder().timestamp_requests(Some(true)).timestamp_param("ts");
    assert_eq!(websocket_uri(stamped.clone()), "/engine.io/?EIO=4&transport=websocket&ts=00000000");
    assert_eq!(uri(stamped), "/engine.io/?EIO=4&transport=polling&ts=00000000");
}

#[test]
fn requests_have_the_headers_of_the_application() {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer x"));
    headers.insert("accept", HeaderValue::from_static("text/html"));
    let mut script = open(config().headers(headers.clone()));
    let get = script.request();
    assert_eq!((get.method().as_str(), &get.headers()["accept"]), ("GET", &HeaderValue::from_static("*/*")));
    assert_eq!(get.headers()["authorization"], "Bearer x");
    script.session.handle_response(RequestId(0), http::Response::new(OPEN.into()), script.now);
    let Some(Transmit::Connect { request, .. }) = script.session.poll_transmit() else { panic!() };
    assert_eq!(request.uri(), "/engine.io/?EIO=4&transport=websocket&sid=S");
    assert_eq!(request.headers(), &headers);
    script.session.send("x".into()).unwrap();
    script.request();
    let post = script.request();
    assert_eq!(post.headers()["content-type"], "text/plain;charset=UTF-8");
    assert_eq!(post.headers()["authorization"], "Bearer x");
}

#[test]
fn subprotocols_are_offered() {
    let config = config().transports([TransportKind::WebSocket]).protocols(["a", "b"]);
    let Some(Transmit::Connect { request, .. }) = open(config).session.poll_transmit() else { panic!() };
    assert_eq!(request.headers()["sec-websocket-protocol"], "a, b");
}

#[test]
fn an_invalid_option_is_refused() {
    let error = |builder: ConfigBuilder| builder.build().unwrap_err();
    for path in ["x", "/a b", "/a?b", "/a#b", "/\u{e4}\n"] {
        assert_eq!(error(config().path(path)), ConfigError::Path(path.into()));
    }
    assert_eq!(error(config().protocols(["a b"])), ConfigError::Protocol("a b".into()));
    assert_eq!(error(config().max_body(0)), ConfigError::Zero { name: "max_body" });
    assert_eq!(error(config().outbox_limit(0)), ConfigError::Zero { name: "outbox_limit" });
    assert!(matches!(error(config().query([("a", "\u{e4}".repeat(2000))])), ConfigError::TooLong { length: 12_000.. }));
    for duration in [Duration::ZERO, Duration::MAX] {
        let refused = |name| ConfigError::Duration { name, duration };
        assert_eq!(error(config().close_timeout(duration)), refused("close_timeout"));
        assert_eq!(error(config().request_timeout(Some(duration))), refused("request_timeout"));
    }
}

#[test]
fn options_can_be_changed_for_the_next_session() {
    let config = config().path("/x").query([("a", "1")]).build().unwrap();
    assert_eq!(uri(config.to_builder().query([("a", "2")])), "/x/?a=2&EIO=4&transport=polling");
}

#[test]
fn the_defaults_match_the_reference() {
    let config = Config::default();
    let built = Config::builder().build().unwrap();
    assert_eq!(format!("{config:?}"), format!("{built:?}"));
    assert_eq!((config.path(), config.add_trailing_slash()), ("/engine.io", true));
    assert_eq!(config.transports(), [TransportKind::Polling, TransportKind::WebSocket]);
    assert!(config.upgrade() && !config.remember_upgrade() && !config.try_all_transports());
    assert!(config.query().is_empty() && config.headers().is_empty() && config.protocols().is_empty());
    assert_eq!((config.timestamp_requests(), config.timestamp_param()), (None, "t"));
    assert!(!config.force_base64() && !config.cookies() && config.request_timeout().is_none());
}
