// What pages make of the documents that they are given.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant, SeriesPoint } from "../../src/kit/types.ts";
import { running } from "../../src/portal/grants.ts";
import { standing } from "../../src/portal/key-status.ts";
import { tokenOf } from "../../src/portal/link.ts";
import { amounts, left, told } from "../../src/portal/notice.ts";
import { added, calls, moments, nothing } from "../../src/portal/points.ts";
import { basePath, operations, target } from "../../src/storefront/openapi.ts";
import { matches } from "../../src/storefront/search.ts";

const NOW = Date.parse("2026-11-30T13:00:00Z");

test("grants that are over or used up pay for nothing; what ends first stands first", () => {
  const grant = (id: string, remaining: number, until: string | null) => ({ id, remaining, until }) as Grant;
  const all = [
    grant("1", 5, null),
    grant("2", 5, "2026-12-01T00:00:00Z"),
    grant("3", 0, null),
    grant("4", 5, "2026-11-30T12:59:59Z"),
  ];
  assert.deepEqual(
    running(all, NOW).map(({ id }) => id),
    ["2", "1"],
  );
});

test("a token is taken from the link of a mail only", () => {
  assert.equal(tokenOf("#/sign-in?token=abc-_1"), "abc-_1");
  for (const other of ["", "#/sign-in", "#/keys?token=abc", "#token=abc"]) assert.equal(tokenOf(other), null, other);
});

test("hours and days are those of UTC, up to now, and each has its calls, charged or not", () => {
  assert.deepEqual(moments({ every: "day", count: 2 }, NOW), ["2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"]);
  assert.deepEqual(moments({ every: "hour", count: 2 }, NOW), ["2026-11-30T12:00:00Z", "2026-11-30T13:00:00Z"]);
  const point = (charged: number, failed: number): SeriesPoint => {
    const empty = nothing("2026-11-30T00:00:00Z");
    return {
      ...empty,
      calls: charged,
      uncharged: failed,
      statuses: { ...empty.statuses, "2xx": charged, "5xx": failed },
    };
  };
  const sum = added([point(3, 0), point(4, 2)]);
  assert.deepEqual([calls(sum), sum.uncharged, sum.statuses["2xx"], sum.statuses["5xx"]], [9, 2, 7, 2]);
});

test("a key stands as its document says", () => {
  assert.equal(standing({ revoked: null, expires: null }, NOW), "active");
  assert.equal(standing({ revoked: "2026-11-01T00:00:00Z", expires: null }, NOW), "revoked");
  assert.equal(standing({ revoked: null, expires: "2026-11-30T13:00:00Z" }, NOW), "expired");
});

test("a search finds products by each of its words", () => {
  const product = { id: "fx", name: "Exchange rates", summary: "170 currencies", tags: ["money"] };
  assert.ok(matches(product, "") && matches(product, "RATES money"));
  assert.ok(!matches(product, "rates weather"));
});

test("an OpenAPI document becomes operations with examples, and one that refers to itself ends", () => {
  const document = {
    paths: {
      "/a/{id}": {
        parameters: [{ name: "id", in: "path", schema: { type: "string", example: "7" } }],
        post: {
          requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Tree" } } } },
          responses: { 200: { description: "Done." }, 404: { $ref: "#/nowhere" } },
        },
      },
    },
    components: { schemas: { Tree: { type: "object", properties: { left: { $ref: "#/components/schemas/Tree" } } } } },
  };
  const [operation] = operations(document);
  assert.equal(operation?.method, "POST");
  assert.deepEqual(operation?.parameters[0], {
    name: "id",
    in: "path",
    required: true,
    type: "string",
    description: "",
    example: "7",
  });
  assert.match(operation?.body ?? "", /"left"/);
  assert.equal(operation?.responses[1]?.description, "");
  for (const none of [null, "text", { paths: 5 }]) assert.deepEqual(operations(none), []);
});

test("an operation is tried at the gateway, with path, query and header as its form says", () => {
  const parameters = [
    { name: "place-id", in: "path", schema: {} },
    { name: "hours", in: "query", schema: {} },
    { name: "Unit", in: "header", schema: {} },
    { name: "Authorization", in: "header", schema: {} },
    { name: "tracker", in: "cookie", schema: {} },
  ];
  const [operation] = operations({ paths: { "/of/{place-id}": { get: { parameters } } } });
  assert.ok(operation);
  assert.ok(operation.parameters.every((one) => one.in !== "cookie"));
  const values = { "place-id": "a/b c", hours: "2&3", Unit: "metric", Authorization: "another", tracker: "1" };
  const { path, headers } = target(operation, values, basePath({ servers: [{ url: "/maps/" }] }));
  assert.equal(path, "/maps/of/a%2Fb%20c?hours=2%263");
  assert.deepEqual(headers, { Unit: "metric" });
  for (const elsewhere of ["https://origin.example/v1", "//origin.example"]) {
    assert.equal(basePath({ servers: [{ url: elsewhere }] }), "", elsewhere);
  }
});

test("what a limit has left is exact, never below nothing, and only of what is limited", () => {
  const limit = { credential: "ak_1", per: "day", from: "", renews: "" } as const;
  const spent = { calls: 7, units: 12, money: "0.300001" };
  const some = left({ ...limit, limit: { calls: 10, units: 10, money: "0.50" }, spent });
  assert.deepEqual(some, { calls: 3, units: 0, money: "0.199999" });
  assert.deepEqual(left({ ...limit, limit: { calls: null, units: null, money: null }, spent }), {
    calls: null,
    units: null,
    money: null,
  });
  assert.equal(amounts({ calls: 3, units: null, money: "0.50" }, "USD"), "3 calls · $0.50");
});

test("a notice is told in words, and one of an unknown type by its name", () => {
  const low = { id: "1", type: "balance.low", at: "", data: { limit: "5.00", balance: "4.00" } };
  assert.equal(told(low, "USD"), "The balance has fallen below $5.00.");
  assert.equal(told({ ...low, type: "new.kind" }, "USD"), "new.kind");
});
