//! What the command line does that other programs can use too: requests, signed as a caller signs them, and the HTTP
//! client that sends them; what a catalog takes from an OpenAPI document, and the text of that catalog.

pub mod draft;
pub mod http;
pub mod openapi;
pub mod request;
