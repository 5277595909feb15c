//! Deterministic simulation of Socket.IO servers and clients.
