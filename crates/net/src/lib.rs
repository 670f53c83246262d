//! Identities, TLS, links, and the exchange of typed messages over them.
