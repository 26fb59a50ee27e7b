//! The money rules (`docs/money-rules.md`), each held against what could break it.
//!
//! Beside the seven rules: an upgrade that pays for the whole period, a cancellation that pays back by time only, renewals
//! that wait for a tick, periods counted from the one before, a refund of what is leased: each fails the test in
//! `subscriptions` or `money` that says so.
//!
//! Each rule was broken on purpose to see its test fail. `simulation` is the one of the memory platform, some hundred worlds of it.
//!
//! | rule | broken on purpose | fails |
//! | --- | --- | --- |
//! | 1 | a grant leases out what is leased out already | `leases::what_is_leased_out…` does not end, `simulation` |
//! | 1 | the balance leases out what is reserved already | `leases::what_is_leased_out…` does not end, `simulation` |
//! | 1 | the worst case of volume tiers is taken at its end | `leases::a_cheaper_tier…`, `rate::the_ceiling_is_the_worst…` |
//! | 1 | an overdrawn balance still pays | `leases::an_overdrawn_balance…` |
//! | 1 | late usage is always rated | `leases::late_usage_never…` |
//! | 1 | late usage is charged in full | `leases::late_usage_takes_only…` |
//! | 2 | booked batches are forgotten | `settlement::a_batch_is_booked_once…`, `simulation` |
//! | 2 | batches are forgotten by their time alone | `settlement::a_batch_that_was_forgotten…`, `simulation` |
//! | 2 | batches are never forgotten | `settlement::a_snapshot_does_not_grow…`, `settlement::a_batch_that_was_forgotten…` |
//! | 2 | a batch may name another instance's lease | `settlement::a_batch_that_no_instance…` |
//! | 4 | usage that takes the books out of range is booked | `settlement::a_batch_that_no_instance…` |
//! | 4 | what was given by a correction is paid back | `money::no_more_is_paid_back…` |
//! | 2 | a batch that comes twice in one command counts twice | `settlement::a_batch_is_booked_once…` |
//! | 2 | keys are not remembered | `settlement::a_key_moves_money_once…` |
//! | 2 | a known key answers to another content | `settlement::a_key_moves_money_once…` |
//! | 3 | what lapsed does not go back | `leases::a_lost_lease…`, `leases::late_usage_takes_only…` |
//! | 3 | lapsed leases are not remembered | `leases::a_lost_lease…`, `statement::what_was_lost…` |
//! | 4 | one of two postings is left out | `canonical::the_bytes…` and most others |
//! | 4 | what expires is not earned | `settlement::the_price_of_a_package…` |
//! | 4 | a snapshot leaves out the booked batches | `settlement::a_replay…` |
//! | 4 | the hash leaves out the postings | `canonical::the_bytes…` |
//! | 5 | each batch is rated on its own | `settlement::no_split…`, `statement::a_year…` |
//! | 6 | priority does not count | `leases::grants_burn…` |
//! | 6 | the end does not count | `leases::grants_burn…` |
//! | 6 | expired packages pay | `leases::a_clock_that_runs_backwards…`, `subscriptions::an_unpaid_renewal…` |
//! | 7 | a closing frees the lease before its usage is in | `leases::a_returned_lease…`, `simulation` |
//! | 7 | a lease lapses at its end | `leases::a_lost_lease…` |
//! | 1 | a lease is answered before it is written | `simulation` |
//! | 1 | what is out is lost in a restart | `simulation` |
//! | 1 | a book that was put back gives numbers and leases at once | `till::a_book_that_was_put_back…` |
//! | 1 | lifting a till leaves on the book what it covered | `leases`, `money`, `settlement` and others |
//! | 2 | a batch is not remembered | `simulation` |
//! | 2, 7 | the first till forgets what old entries say | `till::a_book_of_before_there_were_tills_goes_on…` |
//! | 3 | a seal forgets batches, charges, burns or late usage | `simulation`; burns also `till::a_replay_of_the_chain…` |
//! | 4 | money moves before usage is sealed | `till::usage_is_sealed_before…`, `money::a_notice…`, `repricing` |
//! | 4 | a seal is of the time at which it is written | `till::a_seal_is_in_the_month…` |
//! | – | an hour that is over does not end a seal | `till::leases_and_settlements_are_no_entries…`, `size` |
//! | – | a store puts a till in the place of any other, or entries behind any other | the conformance suite |

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

mod book;
mod canonical;
mod events;
mod leases;
mod limits;
mod messages;
mod money;
mod offers;
mod payments;
mod repricing;
mod rollover;
mod series;
mod settlement;
mod size;
mod statement;
mod subscriptions;
mod terms;
mod till;
