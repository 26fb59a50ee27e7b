//! Both runtimes answer every request the same.

#[test]
fn both_runtimes_give_the_same_answers() {
    if let Err(error) = farebox_tests::parity() {
        panic!("{error:#}");
    }
}
