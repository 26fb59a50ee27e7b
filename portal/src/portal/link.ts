// The link of a mail that signs in.

/** The token of a mailed link: `#/sign-in?token=…`. */
export function tokenOf(hash: string): string | null {
  const query = /^#\/?sign-in\?(.+)$/.exec(hash)?.[1];
  return query === undefined ? null : new URLSearchParams(query).get("token");
}
