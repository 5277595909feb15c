use super::*;

#[test]
fn a_connect_is_reported_and_accepted() {
    let mut script = websocket();
    assert_eq!(script.text(r#"40{"token":"123"}"#), [r#"connecting 0 / {"token":"123"}"#]);
    assert_eq!(script.connection.namespace(A).map(|name| &**name), Some("/"));
    assert_eq!(script.accept(A), [r#"ws 40{"sid":"S0"}"#]);
}

#[test]
fn a_namespace_may_be_named_with_or_without_the_comma() {
    let mut script = websocket();
    assert_eq!(script.text("40/custom"), ["connecting 0 /custom"]);
    assert_eq!(script.text("40/other,"), ["connecting 1 /other"]);
    assert_eq!(script.accept(A), [r#"ws 40/custom,{"sid":"S0"}"#]);
}

#[test]
fn a_namespace_is_taken_literally() {
    let mut script = websocket();
    assert_eq!(script.text("40/"), ["connecting 0 /"]);
    assert_eq!(script.text("40//,"), ["connecting 1 //"]);
    assert_eq!(script.text("40/a?b=1,"), ["connecting 2 /a?b=1"]);
}

#[test]
fn the_answer_to_connect_is_sent_before_other_packets_of_the_socket() {
    let mut script = websocket();
    script.text("40");
    assert_eq!(script.emit(A, &hello()), Err(EmitError::Disconnected));
    assert!(!script.connection.emit_volatile(A, hello()));
    assert_eq!(script.connection.emit_with_ack(A, hello(), 0, None), Err(EmitError::Disconnected));

    script.connection.accept(A, [0; 15]).unwrap();
    script.emit(A, &hello()).unwrap();
    assert_eq!(script.out(), [r#"ws 40{"sid":"S0"}"#, r#"ws 42["hello"]"#]);
}

#[test]
fn a_socket_is_accepted_once() {
    let mut script = joined();
    assert_eq!(script.connection.accept(A, [9; 15]), Err(EmitError::Disconnected));
    assert_eq!(script.connection.refuse(A, &Json::object([])), Err(EmitError::Disconnected));
    assert_eq!(script.connection.accept(C, [9; 15]), Err(EmitError::Disconnected));
    nothing(script.out());
    script.emit(A, &hello()).unwrap();
}

#[test]
fn a_refusal_carries_its_data() {
    let mut script = websocket();
    script.text("40/admin,");
    assert_eq!(
        script.refuse(A, r#"{"message":"Not authorized","data":{"code":1}}"#),
        [r#"ws 44/admin,{"message":"Not authorized","data":{"code":1}}"#]
    );
    assert_eq!(script.connection.namespace(A), None);
    nothing(script.disconnect(A));
}

#[test]
fn a_refused_client_may_try_again() {
    let mut script = websocket();
    script.text("40");
    script.refuse(A, r#"{"message":"Later"}"#);
    script.flushed();
    assert_eq!(script.text("40"), ["connecting 1 /"]);
    assert_eq!(script.accept(B), [r#"ws 40{"sid":"S1"}"#]);
}

#[test]
fn a_client_may_be_in_several_namespaces() {
    let mut script = joined();
    assert_eq!(script.text(r#"42["a",1]"#), ["received 0 a(1)"]);
    assert_eq!(script.text(r#"42/admin,7["b"]"#), ["received 1 b() ack 7"]);
    script.emit(B, &encode::ack("/admin", 7, &"done").unwrap()).unwrap();
    assert_eq!(script.out(), [r#"ws 43/admin,7["done"]"#]);
}

#[test]
fn namespaces_are_accepted_in_any_order() {
    let mut script = websocket();
    script.text("40/a");
    script.text("40/b");
    assert_eq!(script.accept(B), [r#"ws 40/b,{"sid":"S1"}"#]);
    assert_eq!(script.text(r#"42/b,["x"]"#), ["received 1 x()"]);
    script.flushed();
    assert_eq!(script.accept(A), [r#"ws 40/a,{"sid":"S0"}"#]);
}

#[test]
fn accept_and_refuse_fail_after_the_client_left() {
    let mut script = websocket();
    script.text("40/a");
    script.text("40/b");
    let gone = ["disconnected 0 transport close", "disconnected 1 transport close", "closed transport close"];
    assert_eq!(script.ws_closed(false), gone);
    assert_eq!(script.connection.accept(A, [0; 15]), Err(EmitError::Disconnected));
    assert_eq!(script.connection.refuse(B, &Json::object([])), Err(EmitError::Disconnected));
    nothing(script.out());
}

#[test]
fn accept_and_refuse_fail_while_the_connection_closes() {
    let mut script = polling();
    script.post("40|40/b,");
    nothing(script.close());
    assert_eq!(script.connection.accept(A, [0; 15]), Err(EmitError::Disconnected));
    assert_eq!(script.connection.refuse(B, &Json::object([])), Err(EmitError::Disconnected));
    nothing(script.out());
    let gone = ["1 200 6|1", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"];
    assert_eq!(script.get(1), gone);
}

#[test]
fn a_client_without_a_namespace_is_closed_after_the_connect_timeout() {
    let mut script =
        websocket_with(Config::default().connect_timeout(Duration::from_millis(100)), EngineConfig::builder());
    assert_eq!(script.deadline(), Some(100));
    nothing(script.at(99));
    assert_eq!(script.at(100), ["ws close", "closed forced close"]);
    assert_eq!(script.deadline(), None);
}

#[test]
fn the_connect_timeout_is_45_seconds() {
    let mut script = websocket_with(Config::default(), EngineConfig::builder().ping_interval(Duration::from_secs(100)));
    assert_eq!(script.deadline(), Some(45_000));
    assert_eq!(script.at(45_000), ["ws close", "closed forced close"]);
}

#[test]
fn a_refusal_does_not_end_the_connect_timeout() {
    let mut script =
        polling_with(Config::default().connect_timeout(Duration::from_millis(100)), EngineConfig::builder());
    script.post("40");
    nothing(script.refuse(A, r#"{"message":"no"}"#));
    assert_eq!(script.get(1), [r#"1 200 44{"message":"no"}"#]);
    nothing(script.at(100));
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
}

#[test]
fn a_pending_socket_does_not_end_the_connect_timeout() {
    let mut script =
        websocket_with(Config::default().connect_timeout(Duration::from_millis(100)), EngineConfig::builder());
    script.text("40");
    assert_eq!(script.at(100), ["ws close", "disconnected 0 forced close", "closed forced close"]);
}

#[test]
fn a_client_that_has_joined_may_stay_after_leaving() {
    let mut script =
        websocket_with(Config::default().connect_timeout(Duration::from_millis(100)), EngineConfig::builder());
    script.text("40");
    script.accept(A);
    assert_eq!(script.deadline(), Some(25_000), "the first ping");
    assert_eq!(script.text("41"), ["disconnected 0 client namespace disconnect"]);
    nothing(script.at(100));
    assert_eq!(script.deadline(), Some(25_000));
}

#[test]
fn a_timeout_beyond_the_clock_never_expires() {
    let script = websocket_with(Config::default().connect_timeout(Duration::MAX), EngineConfig::builder());
    assert_eq!(script.deadline(), Some(25_000), "the first ping");
}
