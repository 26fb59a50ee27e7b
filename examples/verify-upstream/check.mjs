// Verifies the requests on standard input, for the tests: prints for each why it is not the gateway's, or null.

import { text } from "node:stream/consumers";
import { verify } from "./verify.mjs";

const { secret, product, requests } = JSON.parse(await text(process.stdin));
const reason = ({ now, request }) => {
  try {
    verify(request, { secret, product, now });
    return null;
  } catch (error) {
    return error.message;
  }
};
console.log(JSON.stringify(requests.map(reason)));
