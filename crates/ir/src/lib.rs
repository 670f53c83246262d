//! The language: types, the operator table, the graph, its text form and its builder.
