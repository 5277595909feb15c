//! One suite for all runtimes: our server and our client over real loopback TCP.
//!
//! Whoever brings a [`Runtime`](socketio_runtime::Runtime) of their own runs it by [`conformance!`](crate::conformance!), which makes one test of each
//! case. It is given the runtime, and what runs a future on it until it ends:
//!
//! ```
//! # // In the place of a real one, which this crate doesn't depend on; inside of a function, where tests are not collected.
//! # mod my_runtime {
//! #     pub fn runtime() -> socketio_testkit::SimRuntime { socketio_testkit::SimRuntime::new(7) }
//! #     pub fn block_on<F: Future>(_: F) -> F::Output { unimplemented!() }
//! # }
//! # fn main() {
//! use my_runtime::{block_on, runtime};
//!
//! socketio_testkit::conformance!(runtime(), block_on);
//! # }
//! ```
//!
//! Cases wait for what is to happen, for half a minute at most, and never assert that something was fast. A wait that fails prints
//! what was seen since it began. After each of them all
//! tasks have to end. Every case listens on free ports of the loopback interface.

pub mod acks;
pub mod broadcasts;
pub mod endings;
pub mod exchanges;
pub mod first_contact;
pub mod glue;
pub mod joining;
mod journal;
pub mod kept_alive;
pub mod limits;
mod log;
pub mod raw_http;
pub mod reconnecting;
mod relay;
mod stage;
pub mod values;
mod watched;
mod wire;

pub use stage::{Stage, run};

/// Makes a test of each case of the [suite](mod@crate::conformance), in one module for each of its parts.
///
/// The first argument is an expression for the runtime, the second one a function that runs a future on it: `smol::block_on`, say.
/// Both are used in modules below the place of the macro. See [the module](mod@crate::conformance) for an example.
#[macro_export]
macro_rules! conformance {
    ($runtime:expr, $block_on:expr $(,)?) => {
        $crate::conformance!(@ $runtime, $block_on;
            glue {
                timers_are_never_early_and_can_be_reset
                vectored_and_partial_writes_lose_nothing
                small_reads_lose_nothing
                both_directions_wait_in_one_task
                each_direction_ends_by_itself
                a_broken_connection_is_an_error_or_an_end
                a_reader_that_moves_to_another_task_is_woken_there
                refused_and_taken_ports_are_typed_errors
                a_name_and_the_address_of_ipv6_are_dialled
            }
            exchanges {
                work_by_polling
                work_by_websocket
                work_by_polling_and_then_websocket
                keep_their_order_over_an_upgrade
                work_in_crumbs
                work_for_fifty_clients_at_once
            }
            acks {
                come_from_either_side
                that_do_not_come_are_timeouts
                are_settled_by_a_disconnect
            }
            broadcasts {
                reach_rooms_and_leave_out_whom_they_are_to
                are_of_one_namespace
                that_are_volatile_skip_who_cannot_take_them
            }
            joining {
                needs_a_name_that_can_be_sent
                is_refused_with_data_and_then_granted
                waits_for_a_slow_middleware_and_holds_up_nobody_else
                fails_with_a_typed_error_where_nobody_listens
                survives_handlers_that_fail
            }
            first_contact {
                tells_what_answered
                tells_in_plain_words_that_no_http_came
                tells_the_limit_of_an_attempt
                tells_the_address_that_is_taken
            }
            endings {
                by_the_server_for_one_namespace
                by_the_server_for_the_whole_connection
                of_a_socket_end_what_waits_for_it
                of_a_servers_socket_end_what_waits_for_it
                by_the_client
                by_the_clients_close_send_everything_before
                by_the_servers_close_send_everything_before
                by_dropping_everything_leave_no_task
            }
            reconnecting {
                sends_what_was_kept_in_order
                finds_a_server_that_was_started_again_on_its_port
                follows_a_ping_timeout
                happens_again_and_again
            }
            kept_alive {
                that_ends_with_each_answer_loses_nothing
                that_ends_after_some_requests_loses_nothing
                of_http_1_0_is_none
            }
            limits {
                of_a_message_by_websocket
                of_a_payload_by_polling
                let_a_large_message_pass
                of_the_servers_outbox_are_waited_for
                of_the_clients_buffer_are_waited_for
            }
            values {
                half_a_surrogate_pair_is_read_as_a_replacement_character
                null_is_one_argument_on_every_way
                numbers_beyond_the_range_are_infinite_and_no_integers
                are_read_to_the_depth_that_the_option_allows
            }
            raw_http {
                in_pieces_is_answered
                that_is_pipelined_is_answered_in_order
                ends_with_the_clients_half
                that_is_half_closed_is_answered
                with_too_long_a_head_is_refused
                whose_answers_are_not_read_is_dropped
                with_a_body_in_pieces_is_one_payload
                that_breaks_off_harms_nobody
                with_an_empty_sid_opens_a_session
                of_version_1_0_gets_no_websocket
                that_is_none_is_refused
            }
        );
    };
    (@ $runtime:expr, $block_on:expr; $($part:ident { $($case:ident)* })*) => {
        $(mod $part {
            #[allow(unused_imports, reason = "not every part needs something of its surroundings")]
            use super::*;

            $(#[test]
            fn $case() {
                let case = $crate::conformance::run($runtime, async |stage| {
                    $crate::conformance::$part::$case(stage).await;
                });
                ($block_on)(case);
            })*
        })*
    };
}
