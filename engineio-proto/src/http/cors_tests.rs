use super::*;

const ORIGIN: &str = "http://example.com";

/// The CORS headers of a request, one line each, sorted by name.
fn headers(config: &Config, method: Method, origin: Option<&'static str>) -> Vec<String> {
    let mut map = HeaderMap::new();
    cors(config, &parts(method, origin)).apply(&mut map);
    lines(&map)
}

fn parts(method: Method, origin: Option<&'static str>) -> Parts {
    let mut request = http::Request::builder().method(method).uri("/engine.io/").body(()).unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", HeaderValue::from_static(origin));
    }
    request.headers_mut().insert("access-control-request-headers", HeaderValue::from_static("x-a,x-b"));
    request.into_parts().0
}

fn lines(map: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

fn config(cors: Cors) -> Config {
    Config::builder().cors(cors).build().unwrap()
}

#[test]
fn without_cors_nothing_is_added_and_no_preflight_answered() {
    let found = cors(&Config::default(), &parts(Method::OPTIONS, Some(ORIGIN)));
    assert_eq!(found, CorsHeaders::default());
    assert!(found.preflight().is_none());
}

#[test]
fn the_origin_is_reflected_with_credentials() {
    let config = config(Cors::new(CorsOrigin::Reflect).credentials(true));
    let expected =
        ["access-control-allow-credentials: true", "access-control-allow-origin: http://example.com", "vary: Origin"];
    assert_eq!(headers(&config, Method::GET, Some(ORIGIN)), expected);
    assert_eq!(headers(&config, Method::GET, None), ["access-control-allow-credentials: true", "vary: Origin"]);
}

#[test]
fn a_fixed_origin_and_any_origin_are_sent_to_every_origin() {
    let fixed = config(Cors::new(CorsOrigin::Fixed(HeaderValue::from_static(ORIGIN))));
    let expected = ["access-control-allow-origin: http://example.com", "vary: Origin"];
    assert_eq!(headers(&fixed, Method::GET, Some("http://other.com")), expected);
    let any = config(Cors::new(CorsOrigin::Any));
    assert_eq!(headers(&any, Method::GET, Some(ORIGIN)), ["access-control-allow-origin: *"]);
}

#[test]
fn an_origin_that_is_not_allowed_gets_no_allow_origin_but_the_same_status() {
    let list = CorsOrigin::List(vec![HeaderValue::from_static("http://a.com"), HeaderValue::from_static(ORIGIN)]);
    let predicate = CorsOrigin::predicate(|origin| origin == ORIGIN);
    for origin in [list, predicate] {
        let config = config(Cors::new(origin));
        let allowed = ["access-control-allow-origin: http://example.com", "vary: Origin"];
        assert_eq!(headers(&config, Method::GET, Some(ORIGIN)), allowed);
        assert_eq!(headers(&config, Method::GET, Some("http://evil.com")), ["vary: Origin"]);
        let preflight = cors(&config, &parts(Method::OPTIONS, Some("http://evil.com"))).preflight().unwrap();
        assert_eq!(preflight.status(), 204);
        assert!(!preflight.headers().contains_key("access-control-allow-origin"));
    }
}

#[test]
fn a_preflight_is_answered_completely() {
    let headers = [HeaderName::from_static("my-header")];
    let cors_config = Cors::new(CorsOrigin::Reflect).credentials(true).allowed_headers(headers);
    let response = cors(&config(cors_config), &parts(Method::OPTIONS, Some(ORIGIN))).preflight().unwrap();
    assert_eq!((response.status(), response.body().len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(
        lines(response.headers()),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: my-header",
            "access-control-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE",
            "access-control-allow-origin: http://example.com",
            "content-length: 0",
            "vary: Origin",
        ]
    );
}

#[test]
fn the_headers_asked_for_are_allowed_by_default() {
    let response =
        cors(&config(Cors::new(CorsOrigin::Reflect)), &parts(Method::OPTIONS, Some(ORIGIN))).preflight().unwrap();
    assert_eq!(response.headers()["access-control-allow-headers"], "x-a,x-b");
    assert_eq!(response.headers()["vary"], "Origin, Access-Control-Request-Headers");
}

#[test]
fn every_option_has_its_header() {
    let full = Cors::new(CorsOrigin::Any)
        .methods([Method::GET, Method::PUT])
        .exposed_headers([HeaderName::from_static("x-c"), HeaderName::from_static("x-d")])
        .max_age(Duration::from_secs(123))
        .allowed_headers([])
        .preflight_status(StatusCode::OK);
    let response = cors(&config(full.clone()), &parts(Method::OPTIONS, Some(ORIGIN))).preflight().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        lines(response.headers()),
        [
            "access-control-allow-methods: GET,PUT",
            "access-control-allow-origin: *",
            "access-control-expose-headers: x-c,x-d",
            "access-control-max-age: 123",
            "content-length: 0",
        ]
    );
    let go_on = config(full.preflight_continue(true));
    assert!(cors(&go_on, &parts(Method::OPTIONS, Some(ORIGIN))).preflight().is_none());
    assert!(cors(&go_on, &parts(Method::GET, Some(ORIGIN))).preflight().is_none());
}

#[test]
fn vary_is_extended() {
    let mut map = HeaderMap::new();
    map.insert("vary", HeaderValue::from_static("Accept"));
    cors(&config(Cors::new(CorsOrigin::Reflect)), &parts(Method::GET, None)).apply(&mut map);
    assert_eq!(lines(&map), ["vary: Accept, Origin"]);
}
