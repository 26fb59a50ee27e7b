// What went wrong, in English: the texts of the server's codes, beside those of `texts.en.ts`.

export const problems = {
  "problem.account.suspended":
    "Your provider has suspended the account. Nothing is charged for such calls. Ask your provider why.",
  "problem.address.forbidden":
    "The credential may be used from certain addresses only. Call from one of them, or ask for another credential.",
  "problem.balance.exhausted":
    "The balance does not pay for one more call. Recharge the account; calls go on within a second.",
  "problem.body.too_large":
    "The body is larger than the gateway reads for this kind of request. Send it in parts, or unsigned as a stream.",
  "problem.credential.missing":
    "The call carries no credential that this product takes. The product's page says how to send one.",
  "problem.credential.revoked":
    "The credential was revoked or has expired. Use another one, or create one in your account.",
  "problem.credential.unknown": "Nobody has this key or app code. Check it for typing errors.",
  "problem.digest.mismatch":
    "The body is not the one whose digest was sent, or a digest is missing where the product demands one.",
  "problem.forbidden": "Your role does not allow this.",
  "problem.limit.exhausted":
    "The credential's own limit is used up. It begins anew with the next day, week or month in UTC.",
  "problem.method.unsupported": "The path takes other methods. `Allow` in the answer lists them.",
  "problem.nonce.missing": "The product demands a signed nonce and timestamp. Add both to what is signed.",
  "problem.nonce.used":
    "A request with this nonce was taken before. Use a new nonce for each request, also when you try again.",
  "problem.often": "That was too often. Wait a minute and try again.",
  "problem.product.forbidden": "The credential may not use this product. Ask your provider to open it.",
  "problem.quota.exhausted":
    "What you bought of this product is used up. Buy another package, or recharge where it is sold by use.",
  "problem.quota.expired": "What you bought of this product has expired. Buy another package.",
  "problem.rate.limited": "Too many calls in a short time. `Retry-After` says in how many seconds to try again.",
  "problem.request.malformed":
    "The request cannot be read, or its head is too large. The answer's `detail` says where.",
  "problem.route.unknown": "No product has a route for this path. Check the path.",
  "problem.session": "Your session is over. Sign in again.",
  "problem.signature.expired":
    "The signature was made more than 15 minutes away from the server's time. Set the clock, and sign each request when it is sent.",
  "problem.signature.invalid":
    "The signature was not made over what the server received, or not with this credential's secret. Compare the `string_to_sign` in the answer with yours.",
  "problem.stage.missing": "The product has no test stage. Call it with a credential that is not for tests.",
  "problem.temporarily.unavailable":
    "The gateway cannot decide at the moment who pays. Nothing is charged. Try again after a second.",
  "problem.unexpected": "Something went wrong ({code}).",
  "problem.unreachable": "No answer. Are you online?",
  "problem.token.expired":
    "The token's time is over, or has not come yet. Get a new one from your provider's issuer, and set the clock.",
  "problem.token.invalid":
    "The token is not one that this product takes. The answer's `detail` says why. Get a new one from your provider's issuer.",
  "problem.upgrade.unsupported": "WebSockets do not go through this gateway. Call by plain HTTP; answers may stream.",
  "problem.upstream.malformed":
    "The API behind this gateway gave an answer that cannot be handed on. Nothing is charged. Tell the provider.",
  "problem.upstream.timeout":
    "The API behind this gateway did not answer in time. Nothing is charged. Try again later.",
  "problem.upstream.unconfigured":
    "The provider has not set the credential that the API behind this gateway demands. Nothing is charged. Tell the provider.",
  "problem.upstream.unreachable": "The API behind this gateway cannot be reached. Nothing is charged. Try again later.",
  "refused.again": "That did not sign you in. Try again.",
  "refused.closed":
    "You have no account here yet, and new ones are made by the provider only. Ask them for an invitation.",
  "refused.declined": "Nobody was signed in there. Try again, or sign in by mail.",
  "refused.unproven": "They do not say that your e-mail address is yours. Prove it there first, or sign in by mail.",
};
