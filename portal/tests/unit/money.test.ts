// Money on the pages is exact, whatever its size.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decimal, isSpent, micros, show, whole } from "../../src/kit/amount.ts";
import { spentIn } from "../../src/portal/spending.ts";

test("an amount is read exactly or refused", () => {
  assert.equal(micros("9223372036854.775807"), 9_223_372_036_854_775_807n);
  assert.equal(micros("-0.000001"), -1n);
  for (const wrong of ["", "1.", ".5", "1.0000001", "1e3", "1,5", "+1", "12345678901234"]) {
    assert.equal(micros(wrong), null, wrong);
  }
});

test("what is read is written again", () => {
  for (const text of ["0.00", "12.50", "-3.000001", "9223372036854.775807"]) {
    assert.equal(decimal(micros(text) ?? 0n), text);
  }
  assert.equal(decimal(micros("7") ?? 0n), "7.00");
});

test("an amount is shown with all its digits in each language", () => {
  assert.equal(show("1234.002", "USD", "en"), "$1,234.002");
  assert.equal(show("9007199254740.993001", "USD", "en"), "$9,007,199,254,740.993001");
  assert.equal(show("20", "JPY", "zh"), "JP¥20");
  assert.equal(show("not money", "USD", "en"), "not money USD");
});

test("nothing and less than nothing is spent", () => {
  assert.ok(isSpent("0.000000") && isSpent("-0.000001") && !isSpent("0.000001"));
});

test("a number of calls has no sign, fraction or rest", () => {
  assert.equal(whole("50,000"), 50_000);
  for (const wrong of ["", "-1", "1.5", "many", "99999999999999"]) assert.equal(whole(wrong), null, wrong);
});

test("a month costs what was there and came in, less what is left", () => {
  const entry = (event: Record<string, unknown>, amount: string) => ({
    entry: { seq: 1, at: "2026-11-01T00:00:00Z", event },
    amount,
    balance: "0",
  });
  const entries = [
    entry({ recharged: {} }, "20.00"),
    entry({ purchased: {} }, "-15.00"),
    entry({ refunded: {} }, "-1.00"),
  ];
  assert.equal(spentIn({ opening: "5.00", entries }, "8.40"), "15.60");
});
