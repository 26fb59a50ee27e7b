//! What letters say, in both languages.
//!
//! Invariant: whatever comes from outside stands in HTML as text. A letter holds no picture and no address but the one that it
//! is about.

use farebox_core::catalog::Language;

use super::Letter;

/// The letter that proves an address.
pub(crate) fn sign_in(language: Language, provider: &str, to: &str, address: &str, code: &str) -> Letter {
    let (subject, say, or_type, ignore) = match language {
        Language::English => (
            format!("{code} is your code for {provider}"),
            format!("Open this link in the browser in which you asked, to sign in to {provider}:"),
            "Or type this code there:",
            "Both are good for 15 minutes, once. If you did not ask for this, ignore it: nobody gets in without it.",
        ),
        Language::Chinese => (
            format!("{code} 是您在 {provider} 的验证码"),
            format!("请在发起登录的浏览器中打开此链接，登录 {provider}："),
            "或在那里输入验证码：",
            "链接和验证码 15 分钟内有效，只能使用一次。如果不是您本人操作，请忽略此邮件：没有它，任何人都无法登录。",
        ),
    };
    letter(to, subject, &say, address, Some((or_type, code)), ignore)
}

/// The letter that invites into an account.
pub(crate) fn invitation(language: Language, provider: &str, to: &str, by: &str, address: &str) -> Letter {
    let (subject, say, ignore) = match language {
        Language::English => (
            format!("{by} invites you to an account at {provider}"),
            format!(
                "{by} invites you to share an account at {provider}. Open this link and prove this address to join:"
            ),
            "The link is good for a week. If you do not know who invites you, ignore it.",
        ),
        Language::Chinese => (
            format!("{by} 邀请您加入 {provider} 的账户"),
            format!("{by} 邀请您共同使用 {provider} 的账户。请打开此链接并验证本邮箱以加入："),
            "链接一周内有效。如果您不认识邀请人，请忽略此邮件。",
        ),
    };
    letter(to, subject, &say, address, None, ignore)
}

fn letter(to: &str, subject: String, say: &str, address: &str, code: Option<(&str, &str)>, ignore: &str) -> Letter {
    let (mut text, mut html) = (format!("{say}\n\n{address}\n\n"), String::new());
    html.push_str("<!doctype html><meta charset=\"utf-8\"><body style=\"font-family:sans-serif;max-width:34em\">");
    html.push_str(&format!("<p>{}</p><p><a href=\"{1}\">{1}</a></p>", escaped(say), escaped(address)));
    if let Some((or_type, code)) = code {
        text.push_str(&format!("{or_type}\n\n{code}\n\n"));
        html.push_str(&format!("<p>{}</p><p style=\"font-size:2em\">{}</p>", escaped(or_type), escaped(code)));
    }
    text.push_str(ignore);
    text.push('\n');
    html.push_str(&format!("<p>{}</p>", escaped(ignore)));
    Letter { to: to.to_owned(), subject, text, html }
}

/// Text as it stands in HTML, between tags and in quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            it => escaped.push(it),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text() {
        for language in [Language::English, Language::Chinese] {
            let letter = invitation(language, "<b>&", "a@b.example", "\"<script>", "https://a.example/#/?a=1&b=2");
            assert!(!letter.html.contains("<script") && !letter.html.contains("<b>"), "{}", letter.html);
            assert!(letter.html.contains("href=\"https://a.example/#/?a=1&amp;b=2\""), "{}", letter.html);
            assert!(letter.text.contains("https://a.example/#/?a=1&b=2"), "{}", letter.text);
            assert!(!letter.html.contains("<img") && !letter.html.contains("src="), "{}", letter.html);
        }
    }
}
