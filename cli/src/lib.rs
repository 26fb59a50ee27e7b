//! What other programs can use of the command line: requests, signed as a caller signs them, and the HTTP client that sends them.
//! Also the catalog that is made of an OpenAPI document.

pub mod draft;
pub mod http;
pub mod openapi;
pub mod request;
