//! Errors as text, with their sources.

use std::error::Error;
use std::fmt;

/// Writes an error and its sources, except those whose text the previous text already ends with.
pub(crate) fn write_chain(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    let mut text = error.to_string();
    f.write_str(&text)?;
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            write!(f, ": {next}")?;
        }
        text = next;
        source = error.source();
    }
    Ok(())
}

/// Implements `Debug` as the text with sources, as this is what a program prints when its `main` returns the error.
macro_rules! debug_as_text {
    ($($error:ty),+ $(,)?) => {
        $(impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::chain::write_chain(f, self)
            }
        })+
    };
}

pub(crate) use debug_as_text;

#[cfg(test)]
mod tests {
    #[derive(thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    debug_as_text!(Link);

    #[test]
    fn debug_is_the_text_with_the_sources_each_once() {
        let chain = ["a: b", "b", "c"].into_iter().rev();
        let chain = chain.fold(None, |source, text| Some(Box::new(Link { text, source })));
        assert_eq!(format!("{:?}", chain.unwrap()), "a: b: c");
    }
}
