//! The async driver of the Socket.IO machines, generic over a small Runtime trait.
