//! Building blocks of the tasks of both roles.

pub(crate) mod alarm;
pub(crate) mod deadline;
pub(crate) mod scratch;
pub(crate) mod slot;
pub(crate) mod wake;
