//! The browser bundles of the official client, served from a folder of its npm package.
//!
//! The reference serves eight files under the server's path: `/socket.io/socket.io.js` and so on.
//! [`ClientFiles::load`] reads them once, when the server is built, and [`ClientFiles::respond`]
//! turns a request's path and headers into a response. For a name that is not among the eight, or
//! whose file was not in the folder, it returns `None`: the request goes on to the engine, which
//! refuses it like any other bad handshake.
//!
//! Intended differences from the reference:
//!
//! - bodies are not compressed. The reference compresses on the fly; a proxy in front does that
//!   better, and each client fetches these files once;
//! - exactly one slash separates the server's path from the name (the reference takes any character
//!   there).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::chain::debug_as_text;

/// The names that are served, each with its source map.
const NAMES: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

/// Why the folder of the client's files can't be served. May grow with the checks.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ClientFilesError {
    /// None of the eight files is in the folder.
    #[error("no client bundle in {}: expected the folder client-dist of the npm package socket.io, with {} or one of its siblings", .0.display(), NAMES[0])]
    Empty(PathBuf),
    /// A file is there but can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The `package.json` next to the folder can't be parsed, or its `version` is missing or is not
    /// valid in a header.
    #[error("no usable \"version\" in {}", .0.display())]
    Version(PathBuf),
}

debug_as_text!(ClientFilesError);

/// The files of a folder, in memory, with their entity tag. Cloning is cheap per file.
#[derive(Clone)]
pub(crate) struct ClientFiles {
    etag: HeaderValue,
    files: Vec<(&'static str, Bytes)>,
}

impl ClientFiles {
    /// Reads the bundles of `folder` (`node_modules/socket.io/client-dist`) and the version from
    /// `package.json` one level up.
    ///
    /// Blocks on the file system, so call it while the server is being built. A bundle that is
    /// missing is not served; nothing is read again later.
    ///
    /// # Errors
    ///
    /// If there is no bundle, one can't be read, or the package has no version.
    pub(crate) fn load(folder: &Path) -> Result<Self, ClientFilesError> {
        let mut files = Vec::with_capacity(NAMES.len());
        for name in NAMES {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(content) => files.push((name, Bytes::from(content))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ClientFilesError::Read { path, source }),
            }
        }
        if files.is_empty() {
            return Err(ClientFilesError::Empty(folder.to_owned()));
        }
        let etag = read_etag(folder.join("../package.json"))?;
        Ok(Self { etag, files })
    }

    /// The response to a request for `rest`, which is what follows the server's path in the URL's
    /// path, without the query: `/socket.io.js` of `/socket.io/socket.io.js?v=4`. `None` if that is
    /// not a served file.
    ///
    /// As in the reference, every method gets the same response (hyper omits the body for `HEAD`),
    /// `If-None-Match` must be exactly the entity tag, strong or weak, and the 304 has none of the
    /// headers of the full response.
    pub(crate) fn respond(&self, rest: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let requested = rest.strip_prefix('/')?;
        let (name, content) = self.files.iter().find(|(name, _)| *name == requested)?;
        let mut response = Response::new(Bytes::new());
        if self.is_known(headers) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Some(response);
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
        headers.insert(ETAG, self.etag.clone());
        *response.body_mut() = content.clone();
        Some(response)
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(held) = headers.get(IF_NONE_MATCH).map(HeaderValue::as_bytes) else {
            return false;
        };
        held.strip_prefix(b"W/").unwrap_or(held) == self.etag.as_bytes()
    }
}

impl std::fmt::Debug for ClientFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.files.iter().map(|(name, content)| (name, content.len()));
        f.debug_struct("ClientFiles").field("etag", &self.etag).field("files", &names.collect::<Vec<_>>()).finish()
    }
}

fn content_type(name: &str) -> &'static str {
    if name.ends_with(".map") { "application/json; charset=utf-8" } else { "application/javascript; charset=utf-8" }
}

fn read_etag(path: PathBuf) -> Result<HeaderValue, ClientFilesError> {
    #[derive(serde::Deserialize)]
    struct Package {
        version: String,
    }

    let manifest = match fs::read(&path) {
        Ok(manifest) => manifest,
        Err(source) => return Err(ClientFilesError::Read { path, source }),
    };
    serde_json::from_slice::<Package>(&manifest)
        .ok()
        .filter(|package| !package.version.is_empty() && !package.version.contains('"'))
        .and_then(|package| HeaderValue::try_from(format!("\"{}\"", package.version)).ok())
        .ok_or(ClientFilesError::Version(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package folder under the system's temporary folder, removed at the end of the test.
    struct Package(PathBuf);

    impl Package {
        fn new(test: &str, manifest: &str, files: &[&str]) -> Self {
            let root = std::env::temp_dir().join(format!("client-files-{}-{test}", std::process::id()));
            let package = Self(root);
            fs::create_dir_all(package.folder()).unwrap();
            fs::write(package.0.join("package.json"), manifest).unwrap();
            for name in files {
                fs::write(package.folder().join(name), format!("content of {name}")).unwrap();
            }
            package
        }

        fn folder(&self) -> PathBuf {
            self.0.join("client-dist")
        }
    }

    impl Drop for Package {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const MANIFEST: &str = r#"{"name":"socket.io","version":"4.8.4","files":["dist/"]}"#;

    fn asking(if_none_match: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(if_none_match))])
    }

    #[test]
    fn serves_the_eight_files_with_type_tag_and_cache_rule() {
        let package = Package::new("eight", MANIFEST, &NAMES);
        let files = ClientFiles::load(&package.folder()).unwrap();
        for name in NAMES {
            let response = files.respond(&format!("/{name}"), &HeaderMap::new()).unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.body(), &format!("content of {name}"));
            assert_eq!(response.headers().len(), 3);
            assert_eq!(response.headers()[ETAG], "\"4.8.4\"");
            assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=0");
            let kind = if name.ends_with("map") { "json" } else { "javascript" };
            assert_eq!(response.headers()[CONTENT_TYPE], format!("application/{kind}; charset=utf-8"));
        }
    }

    #[test]
    fn a_known_tag_strong_or_weak_gets_a_bare_304() {
        let package = Package::new("tag", MANIFEST, &["socket.io.js"]);
        let files = ClientFiles::load(&package.folder()).unwrap();
        for held in ["\"4.8.4\"", "W/\"4.8.4\""] {
            let response = files.respond("/socket.io.js", &asking(held)).unwrap();
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
            assert!(response.headers().is_empty() && response.body().is_empty());
        }
    }

    #[test]
    fn any_other_tag_gets_the_file() {
        let package = Package::new("other-tag", MANIFEST, &["socket.io.js"]);
        let files = ClientFiles::load(&package.folder()).unwrap();
        for held in ["\"4.8.3\"", "4.8.4", "w/\"4.8.4\"", "W/W/\"4.8.4\"", "\"1\", \"4.8.4\"", "*", ""] {
            let response = files.respond("/socket.io.js", &asking(held)).unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{held}");
        }
    }

    #[test]
    fn other_paths_are_not_served() {
        let package = Package::new("paths", MANIFEST, &["socket.io.js", "secret.js"]);
        let files = ClientFiles::load(&package.folder()).unwrap();
        let none = HeaderMap::new();
        for rest in [
            "",
            "/",
            "socket.io.js",
            "//socket.io.js",
            "Xsocket.io.js",
            "/socket.io.js/",
            "/secret.js",
            "/../package.json",
        ] {
            assert!(files.respond(rest, &none).is_none(), "{rest}");
        }
        assert!(files.respond("/socket.io.min.js", &none).is_none(), "known by name, but not in the folder");
    }

    #[test]
    fn a_folder_without_any_bundle_is_refused() {
        let package = Package::new("empty", MANIFEST, &["readme.js"]);
        let error = ClientFiles::load(&package.folder()).unwrap_err();
        assert!(matches!(error, ClientFilesError::Empty(_)));
        assert!(error.to_string().contains("client-dist"), "{error}");
        let error = ClientFiles::load(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(matches!(error, ClientFilesError::Empty(_)));
    }

    #[test]
    fn a_package_without_a_usable_version_is_refused() {
        for (test, manifest) in [
            ("no-version", "{}"),
            ("no-text", r#"{"version":4}"#),
            ("blank", r#"{"version":""}"#),
            ("quote", r#"{"version":"4\""}"#),
            ("break", r#"{"version":"4\n8"}"#),
            ("no-json", "version: 4"),
        ] {
            let package = Package::new(test, manifest, &["socket.io.js"]);
            let error = ClientFiles::load(&package.folder()).unwrap_err();
            assert!(matches!(error, ClientFilesError::Version(_)), "{test}: {error:?}");
        }
    }

    #[test]
    fn an_unreadable_file_is_an_error_that_names_it() {
        let package = Package::new("unreadable", MANIFEST, &["socket.io.js"]);
        fs::create_dir(package.folder().join("socket.io.min.js")).unwrap();
        let error = ClientFiles::load(&package.folder()).unwrap_err();
        assert!(
            matches!(&error, ClientFilesError::Read { path, .. } if path.ends_with("socket.io.min.js")),
            "{error:?}"
        );

        let package = Package::new("no-manifest", MANIFEST, &["socket.io.js"]);
        fs::remove_file(package.0.join("package.json")).unwrap();
        let error = ClientFiles::load(&package.folder()).unwrap_err();
        assert!(matches!(&error, ClientFilesError::Read { path, .. } if path.ends_with("package.json")), "{error:?}");
    }
}
