use super::*;
use crate::http::empty;
use TransportKind::{Polling, WebSocket};

/// The request of one line: method, query, and `upgrade` for an upgrade request.
fn parts(line: &str) -> Parts {
    let mut words = line.split(' ');
    let (method, query) = (words.next().unwrap(), words.next().unwrap());
    let mut request = http::Request::builder().method(method).uri(format!("/engine.io/?{query}"));
    if words.next() == Some("upgrade") {
        request = request.header("connection", "Upgrade").header("upgrade", "websocket");
    }
    request.body(()).unwrap().into_parts().0
}

/// Verifies a request on a server with the session `poll` on polling and `ws` on WebSocket.
fn verdict(line: &str, config: &Config) -> Verdict {
    verify(&parts(line), config, |sid| match sid {
        "poll" => Some(SessionView::new(Polling)),
        "ws" => Some(SessionView::new(WebSocket)),
        _ => None,
    })
}

fn refused(line: &str) -> Reject {
    match verdict(line, &Config::default()) {
        Verdict::Respond { response, reject } => {
            let expected = reject.response(line.ends_with("upgrade"));
            assert_eq!((response.status(), response.body()), (expected.status(), expected.body()));
            assert_ne!(response.status(), empty(http::StatusCode::OK).status());
            reject
        }
        other => panic!("{line}: {other:?}"),
    }
}

fn mismatch(transport: TransportKind, previous: TransportKind) -> Reject {
    Reject::BadRequest(BadRequest::TransportMismatch { transport, previous })
}

#[test]
fn a_handshake_names_its_transport() {
    for (line, transport) in [
        ("GET EIO=4&transport=polling", Polling),
        ("GET transport=polling&t=abc&EIO=4&token=x", Polling),
        ("GET EIO=4&transport=websocket upgrade", WebSocket),
    ] {
        let verdict = verdict(line, &Config::default());
        assert!(matches!(verdict, Verdict::Handshake(found) if found.transport == transport), "{line}");
    }
}

#[test]
fn an_empty_sid_is_a_handshake() {
    for sid in ["&sid=", "&sid"] {
        for (line, transport) in [
            (format!("GET EIO=4&transport=polling{sid}"), Polling),
            (format!("GET EIO=4&transport=websocket{sid} upgrade"), WebSocket),
        ] {
            let verdict = verdict(&line, &Config::default());
            assert!(matches!(verdict, Verdict::Handshake(found) if found.transport == transport), "{line}");
        }
        let reject = Reject::BadHandshakeMethod { method: Method::POST };
        assert_eq!(refused(&format!("POST EIO=4&transport=polling{sid}")), reject);
        let reject = Reject::UnsupportedProtocolVersion { protocol: 3 };
        assert_eq!(refused(&format!("GET EIO=&transport=polling{sid}")), reject);
    }
}

/// JSONP is for browsers without CORS; its parameter `j` has no effect here.
#[test]
fn a_request_for_jsonp_is_a_plain_one() {
    for j in ["&j=0", "&j=", "&j"] {
        let verdict = verdict(&format!("GET EIO=4&transport=polling{j}"), &Config::default());
        assert!(matches!(verdict, Verdict::Handshake(found) if found.transport == Polling), "{j}");
    }
}

#[test]
fn a_request_of_a_session_finds_it() {
    for (line, name, up) in [
        ("GET EIO=4&transport=polling&sid=poll", "poll", false),
        ("POST EIO=4&transport=polling&sid=poll", "poll", false),
        ("DELETE EIO=4&transport=polling&sid=poll", "poll", false),
        ("GET EIO=4&transport=websocket&sid=poll upgrade", "poll", true),
        // The session closes this WebSocket, and stays open.
        ("GET EIO=4&transport=websocket&sid=ws upgrade", "ws", true),
        // The session refuses this.
        ("GET EIO=4&transport=websocket&sid=ws", "ws", false),
    ] {
        let verdict = verdict(line, &Config::default());
        assert!(matches!(verdict, Verdict::Session { sid, upgrade } if &*sid == name && upgrade == up), "{line}");
    }
}

#[test]
fn the_transport_is_checked_before_everything_else() {
    for name in ["tobi", "constructor", "__proto__", "webtransport", "Polling", ""] {
        for rest in ["", "&EIO=3", "&EIO=4&sid=none", "&EIO=4 upgrade"] {
            let line = format!("PUT transport={name}{rest}");
            assert_eq!(refused(&line), Reject::UnknownTransport { transport: Some(name.into()) });
        }
    }
    assert_eq!(refused("GET EIO=4"), Reject::UnknownTransport { transport: None });
    assert_eq!(refused("GET  upgrade"), Reject::UnknownTransport { transport: None });
}

#[test]
fn a_transport_that_is_not_allowed_is_unknown() {
    let config = Config::builder().transports([Polling]).build().unwrap();
    for line in ["GET EIO=4&transport=websocket upgrade", "GET EIO=4&transport=websocket&sid=poll upgrade"] {
        let Verdict::Respond { reject, .. } = verdict(line, &config) else { panic!("{line}") };
        assert_eq!(reject, Reject::UnknownTransport { transport: Some("websocket".into()) });
    }
}

#[test]
fn an_unknown_session_is_refused_before_its_revision() {
    for rest in ["", "&EIO=4", "&EIO=3", "&EIO=4 upgrade"] {
        let line = format!("GET transport=polling&sid=test{rest}");
        assert_eq!(refused(&line), Reject::UnknownSid { sid: "test".into() });
    }
}

#[test]
fn a_session_is_held_to_its_transport() {
    assert_eq!(refused("GET EIO=4&transport=polling&sid=ws"), mismatch(Polling, WebSocket));
    assert_eq!(refused("POST EIO=3&transport=polling&sid=ws"), mismatch(Polling, WebSocket));
    assert_eq!(refused("GET EIO=4&transport=websocket&sid=poll"), mismatch(WebSocket, Polling));
}

#[test]
fn a_session_is_held_to_its_revision() {
    let reject = Reject::BadRequest(BadRequest::ProtocolMismatch { protocol: 3, previous: 4 });
    for line in [
        "GET EIO=3&transport=polling&sid=poll",
        "POST transport=polling&sid=poll",
        "GET EIO=3&transport=websocket&sid=poll upgrade",
    ] {
        assert_eq!(refused(line), reject, "{line}");
    }
}

#[test]
fn a_handshake_is_a_get() {
    for method in ["POST", "PUT", "HEAD", "DELETE", "OPTIONS"] {
        let reject = Reject::BadHandshakeMethod { method: method.parse().unwrap() };
        assert_eq!(refused(&format!("{method} EIO=4&transport=polling")), reject);
        assert_eq!(refused(&format!("{method} EIO=3&transport=websocket")), reject);
    }
}

#[test]
fn a_websocket_handshake_is_an_upgrade() {
    let reject = Reject::BadRequest(BadRequest::TransportHandshake);
    assert_eq!(refused("GET EIO=4&transport=websocket"), reject);
    assert_eq!(refused("GET EIO=3&transport=websocket"), reject);
}

#[test]
fn only_revision_4_is_spoken() {
    let reject = Reject::UnsupportedProtocolVersion { protocol: 3 };
    for rest in ["", "&EIO=3", "&EIO=5", "&EIO=abc"] {
        assert_eq!(refused(&format!("GET transport=polling{rest}")), reject);
        assert_eq!(refused(&format!("GET transport=websocket{rest} upgrade")), reject, "before the 101");
    }
}

/// CVE-2023-31125. The reference answers 101, then closes.
#[test]
fn an_upgrade_to_polling_is_refused() {
    assert_eq!(refused("GET EIO=4&transport=polling upgrade"), mismatch(Polling, WebSocket));
    assert_eq!(refused("GET EIO=4&transport=polling&sid=poll upgrade"), mismatch(Polling, WebSocket));
}
