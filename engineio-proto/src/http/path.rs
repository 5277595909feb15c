//! Matching a request's path.

use crate::Config;

/// Whether a request of that path (without the query) is for the server.
///
/// By default the configured path matches with and without a trailing slash, and so does any path below it. With
/// `add_trailing_slash(false)` only the path itself matches. `/engine.iofoo` never matches.
///
/// ```
/// use engineio_proto::{Config, http::matches_path};
///
/// let config = Config::default();
/// assert!(matches_path(&config, "/engine.io/") && matches_path(&config, "/engine.io"));
/// assert!(!matches_path(&config, "/engine.iofoo"));
/// ```
pub fn matches_path(config: &Config, path: &str) -> bool {
    path.strip_prefix(config.path())
        .is_some_and(|rest| rest.is_empty() || config.add_trailing_slash() && rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_matches_with_and_without_the_trailing_slash() {
        let config = Config::builder().path("/socket.io/").build().unwrap();
        for path in ["/socket.io", "/socket.io/", "/socket.io/foo/bar/"] {
            assert!(matches_path(&config, path), "{path}");
        }
        for path in ["/", "/socket", "/socket.iofoo", "/engine.io/", "/foo/socket.io/", ""] {
            assert!(!matches_path(&config, path), "{path}");
        }
    }

    #[test]
    fn without_add_trailing_slash_only_the_path_itself_matches() {
        let config = Config::builder().add_trailing_slash(false).build().unwrap();
        assert!(matches_path(&config, "/engine.io"));
        assert!(!matches_path(&config, "/engine.io/"));
        assert!(!matches_path(&config, "/engine.iofoo"));
    }

    #[test]
    fn the_root_can_be_the_path() {
        let config = Config::builder().path("/").build().unwrap();
        assert!(matches_path(&config, "/") && matches_path(&config, "/foo"));
    }
}
