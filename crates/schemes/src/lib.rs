//! Protections: share types, their kernels, and the functions written once over them.
