//! The catalog's routes against an oracle that knows nothing of the router's tree or of its form of a path.
//!
//! The rule it guards: the order of the routes decides nothing. For any routes, in any order, the same requests conflict, and
//! each request goes to the same route, which is the most specific of those that take it.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::cmp::Ordering;

use farebox_core::{
    catalog::{Catalog, Problem, compile, router::Router},
    rejection::Rejection,
};
use proptest::prelude::*;

/// A character of a path: an encoded one that is not unreserved is another than itself.
type Character = u16;

const ENCODED: Character = 256;

/// The characters of a text, spelled in whatever way.
fn characters(text: &str) -> Vec<Character> {
    let bytes = text.as_bytes();
    let (mut characters, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.filter(|_| bytes[at] == b'%').map(|digits| u8::from_str_radix(digits, 16).unwrap());
        at += if code.is_some() { 3 } else { 1 };
        let byte = code.unwrap_or(bytes[at - 1]);
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let plain = unreserved || (code.is_none() && b"!$&'()*+,;=:@".contains(&byte));
        characters.push(if plain { byte.into() } else { ENCODED + Character::from(byte) });
    }
    characters
}

/// A segment of a pattern: its text, and, where it has a parameter, what is before and after it.
#[derive(Debug, Clone, PartialEq)]
enum Segment {
    Text(Vec<Character>),
    One(Vec<Character>, Vec<Character>),
    Rest(Vec<Character>),
}

fn segments(pattern: &str) -> Vec<Segment> {
    let read = |text: &str| {
        let text = text.replace("{{", "%7B").replace("}}", "%7D");
        let Some((before, rest)) = text.split_once('{') else { return Segment::Text(characters(&text)) };
        let (name, after) = rest.split_once('}').unwrap();
        if name.starts_with('*') {
            Segment::Rest(characters(before))
        } else {
            Segment::One(characters(before), characters(after))
        }
    };
    pattern[1..].split('/').map(read).collect()
}

fn takes(pattern: &[Segment], path: &[Vec<Character>]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        ([Segment::Rest(before)], [first, ..]) => first.starts_with(before),
        ([Segment::Text(text), pattern @ ..], [first, path @ ..]) => text == first && takes(pattern, path),
        ([Segment::One(before, after), pattern @ ..], [first, path @ ..]) => {
            let fits = first.len() > before.len() + after.len() && first.starts_with(before) && first.ends_with(after);
            fits && takes(pattern, path)
        }
        _ => false,
    }
}

/// Which of two patterns that take one path is the more specific, as the reference of the catalog says it.
fn more_specific(one: &[Segment], other: &[Segment]) -> Ordering {
    let rank = |segment: &Segment| match segment {
        Segment::Text(_) => (1, 0, 0, 0),
        // Lengths in bytes of the encoded form.
        Segment::One(before, after) => (0, length(before), 1, length(after)),
        Segment::Rest(before) => (0, length(before), 0, 0),
    };
    let differs = one.iter().zip(other).find(|(one, other)| one != other);
    differs.map_or(Ordering::Equal, |(one, other)| rank(one).cmp(&rank(other)))
}

fn length(text: &[Character]) -> usize {
    text.iter().map(|character| if *character < ENCODED { 1 } else { 3 }).sum()
}

#[derive(Debug, Clone)]
struct Route {
    methods: Vec<&'static str>,
    path: String,
}

impl Route {
    fn takes_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }

    /// Whether both take a request in common with nothing to say which of them goes first.
    fn conflicts(&self, other: &Self) -> bool {
        let shares = self.methods.is_empty() || other.methods.is_empty();
        let shares = shares || self.methods.iter().any(|method| other.takes_method(method));
        shares && segments(&self.path) == segments(&other.path)
    }
}

fn published(routes: &[Route]) -> Result<Catalog, Vec<Problem>> {
    let head = "provider = { name = \"A\", currency = \"USD\" }\n[[products]]\nid = \"p\"\nupstream = \"http://o\"\n\
        auth = [\"appcode\"]\nrate = { per_1000_calls = \"1\" }\n";
    let route = |Route { methods, path }: &Route| {
        let methods = if methods.is_empty() { String::new() } else { format!("methods = {methods:?}\n") };
        format!("[[products.routes]]\n{methods}path = '{path}'\n")
    };
    compile(&routes.iter().map(route).fold(head.to_owned(), |text, route| text + &route))
}

/// Where the oracle sends a request: the index of a route, or the status of the rejection.
fn expected(routes: &[Route], method: &str, path: &str) -> Result<usize, u16> {
    let path: Vec<_> = path[1..].split('/').map(characters).collect();
    let taking = routes.iter().filter(|route| takes(&segments(&route.path), &path));
    let best =
        taking.max_by(|one, other| more_specific(&segments(&one.path), &segments(&other.path))).ok_or(404_u16)?;
    let same = |(_, route): &(usize, &Route)| segments(&route.path) == segments(&best.path);
    let of_pattern: Vec<_> = routes.iter().enumerate().filter(same).collect();
    let by = |method: &str| of_pattern.iter().find(|(_, route)| route.takes_method(method));
    let found = by(method).or_else(|| by("GET").filter(|_| method == "HEAD"));
    found.map(|(index, _)| *index).ok_or(405)
}

/// Holds the compiler and the router to the oracle: a route is refused where one before it takes the same requests.
fn check(routes: &[Route], requests: &[(&str, String)]) -> Result<(), TestCaseError> {
    let clashes = |at: usize| routes[..at].iter().any(|before| before.conflicts(&routes[at]));
    let refused: Vec<usize> = (0..routes.len()).filter(|at| clashes(*at)).collect();
    match published(routes) {
        Ok(catalog) => {
            prop_assert_eq!(refused, Vec::<usize>::new());
            let router = Router::new(&catalog).unwrap();
            for (method, path) in requests {
                let found = router.route(method, path, None).map(|target| target.route);
                let found = found.map_err(|rejection| match rejection {
                    Rejection::RouteUnknown => 404,
                    Rejection::MethodUnsupported { .. } => 405,
                    other => panic!("{other:?}"),
                });
                prop_assert_eq!(found, expected(routes, method, path), "{} {} of {:?}", method, path, routes);
            }
        }
        Err(problems) => {
            let at = |index: &usize| format!("products[0].routes[{index}].path");
            let blamed: Vec<_> = problems.iter().map(|problem| problem.path.clone()).collect();
            prop_assert_eq!(blamed, refused.iter().map(at).collect::<Vec<_>>(), "{:?}", &problems);
            prop_assert!(problems.iter().all(|problem| problem.reason.contains("both take the same requests")));
        }
    }
    Ok(())
}

/// Few texts, so that they meet often: among them the same in several spellings.
const TEXTS: &[&str] = &[
    "", "a", "b", "ab", "%61", "a%2Fb", "%2f", "~", "%7E", "%7e", "\u{e9}", "%C3%a9", "^", "%5E", ":", "%3A", "F", "2F",
];

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(TEXTS)
}

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => text().prop_map(str::to_owned),
        1 => Just("{{a}}".to_owned()),
        2 => Just("{x}".to_owned()),
        3 => (text(), text(), "[xy]").prop_map(|(before, after, name)| format!("{before}{{{name}}}{after}")),
    ];
    let rest = prop::option::weighted(0.3, text().prop_map(|before| format!("/{before}{{*rest}}")));
    (prop::collection::vec(segment, 1..4), rest)
        .prop_map(|(segments, rest)| format!("/{}{}", segments.join("/"), rest.unwrap_or_default()))
}

fn route() -> impl Strategy<Value = Route> {
    let methods = prop::sample::subsequence(vec!["GET", "HEAD", "POST"], 0..3);
    (methods, pattern()).prop_map(|(methods, path)| Route { methods, path })
}

fn request() -> impl Strategy<Value = (&'static str, String)> {
    let segment =
        prop::collection::vec(prop_oneof![5 => text(), 1 => Just("%7Ba}"), 1 => Just("%"), 1 => Just("%2")], 0..3);
    let path = prop::collection::vec(segment.prop_map(|texts| texts.concat()), 1..5);
    (
        prop::sample::select(vec!["GET", "HEAD", "POST", "PUT"]),
        path.prop_map(|segments| format!("/{}", segments.join("/"))),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_routes_decides_nothing(
        (routes, shuffled) in prop::collection::vec(route(), 1..8).prop_flat_map(|routes| (Just(routes.clone()), Just(routes).prop_shuffle())),
        requests in prop::collection::vec(request(), 20),
    ) {
        check(&routes, &requests)?;
        check(&shuffled, &requests)?;
        prop_assert_eq!(published(&routes).is_ok(), published(&shuffled).is_ok());
        if published(&routes).is_ok() {
            let path = |routes: &[Route], found: Result<usize, u16>| found.map(|at| format!("{:?}", routes[at]));
            for (method, asked) in &requests {
                let (one, other) = (expected(&routes, method, asked), expected(&shuffled, method, asked));
                prop_assert_eq!(path(&routes, one), path(&shuffled, other));
            }
        }
    }
}
