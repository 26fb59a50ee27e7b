//! What the command line does that other programs can use too: requests, signed as a caller signs them, and the HTTP
//! client that sends them; and what a catalog takes from an OpenAPI document.

pub mod http;
pub mod openapi;
pub mod request;
