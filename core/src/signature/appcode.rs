//! The app code scheme: `Authorization: APPCODE <code>`, unsigned.
//!
//! The code is a bearer's token. Only its hash is stored ([`crate::plain_key::hash`]). The look-up under that hash is the
//! comparison, so no timing tells how much of a guess was right.

/// The code in the value of an `Authorization` header, when it is of this scheme. The scheme's name is taken in any
/// case (RFC 9110, section 11.1).
pub fn read(authorization: &str) -> Option<&str> {
    let (scheme, code) = authorization.trim_ascii().split_once(' ')?;
    let code = code.trim_ascii();
    (scheme.eq_ignore_ascii_case("APPCODE") && !code.is_empty()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn only_a_code_of_this_scheme_is_read() {
        assert_eq!(read("APPCODE abc"), Some("abc"));
        assert_eq!(read(" appcode  abc "), Some("abc"));
        for other in ["", "APPCODE", "APPCODE ", "Bearer abc", "APPCODEabc"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
