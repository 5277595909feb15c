use super::*;
use crate::http::Cookie;

const OPEN: &str =
    r#"{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

fn opened(config: ConfigBuilder, headers: &[(&str, &str)]) -> http::Response<bytes::Bytes> {
    let config = config.build().unwrap().into();
    let mut session = Session::open_polling(config, Sid::new("S"), REQUEST, &parts("GET", headers), start());
    let Some(Transmit::Respond { id: REQUEST, response }) = session.poll_transmit() else { panic!() };
    assert_eq!(session.poll_transmit(), None);
    assert_eq!(session.poll_event(), None);
    *response
}

#[test]
fn a_polling_handshake_is_answered_as_by_the_reference() {
    let response = opened(Config::builder(), &[]);
    assert_eq!(response.status(), 200);
    assert_eq!(response.body(), format!("0{OPEN}").as_bytes());
    assert_eq!(response.headers().len(), 3);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=UTF-8");
    assert_eq!(response.headers()["content-length"], (OPEN.len() + 1).to_string().as_str());
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[test]
fn a_websocket_handshake_is_the_first_frame_and_offers_no_upgrade() {
    let config = Config::default().into();
    let mut session = Session::open_websocket(config, Sid::new("S"), WS, &parts("GET", &[]), start());
    let frame = Packet::Open(OPEN.replace(r#"["websocket"]"#, "[]").into()).into_frame();
    assert_eq!(session.poll_transmit(), Some(Transmit::Frame { id: WS, frame }));
    assert_eq!(session.poll_transmit(), None);
}

#[test]
fn the_handshake_has_the_options_in_milliseconds() {
    let config = Config::builder()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .max_payload(5)
        .allow_upgrades(false);
    let body = r#"0{"sid":"S","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":5}"#;
    assert_eq!(opened(config, &[]).body(), body);
}

#[test]
fn the_initial_packet_follows_the_handshake() {
    let config = Config::builder().initial_packet("faster!");
    assert_eq!(opened(config.clone(), &[]).body(), format!("0{OPEN}\u{1e}4faster!").as_bytes());

    let mut session =
        Session::open_websocket(config.build().unwrap().into(), Sid::new("S"), WS, &parts("GET", &[]), start());
    assert!(matches!(session.poll_transmit(), Some(Transmit::Frame { frame: Frame { prefix: Some(b'0'), .. }, .. })));
    let frame = Packet::Message(Data::from("faster!")).into_frame();
    assert_eq!(session.poll_transmit(), Some(Transmit::Frame { id: WS, frame }));
}

#[test]
fn the_cookie_is_set_by_the_polling_handshake_only() {
    let config = Config::builder().cookie(Cookie::default());
    let response = opened(config.clone(), &[]);
    assert_eq!(response.headers()["set-cookie"], "io=S; Path=/; HttpOnly; SameSite=Lax");
    assert!(!opened(Config::builder(), &[]).headers().contains_key("set-cookie"));

    let mut script = polling_with(config);
    nothing(script.get(1));
    script.session.send(Data::from("x")).unwrap();
    let Some(Transmit::Respond { response, .. }) = script.session.poll_transmit() else { panic!() };
    assert!(!response.headers().contains_key("set-cookie"));
}

#[test]
fn internet_explorer_gets_the_xss_protection_header() {
    let ie8 = "Mozilla/4.0 (compatible;MSIE 8.0; Windows NT 6.0)";
    let ie11 = "Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv 11.0) like Gecko";
    for agent in [ie8, ie11] {
        assert_eq!(opened(Config::builder(), &[("user-agent", agent)]).headers()["x-xss-protection"], "0");
    }
    assert!(!opened(Config::builder(), &[("user-agent", "curl")]).headers().contains_key("x-xss-protection"));
}

#[test]
fn a_sid_with_quotes_is_escaped() {
    let config = Config::default().into();
    let mut session = Session::open_websocket(config, Sid::new("a\"b"), WS, &parts("GET", &[]), start());
    let Some(Transmit::Frame { frame: Frame { body: json, .. }, .. }) = session.poll_transmit() else { panic!() };
    assert!(json.starts_with(br#"{"sid":"a\"b","#));
}
