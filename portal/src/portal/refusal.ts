// What a person is told whom the issuer's way back led to no session.

import { t } from "../kit/language.ts";

/** The words for a code of `GET oidc/callback`. A code that is not known has words too: it comes from the address, which anybody writes. */
export function refusal(code: string): string {
  switch (code) {
    case "oidc.declined":
      return t("refused.declined");
    case "oidc.unproven":
      return t("refused.unproven");
    case "sign_up.closed":
      return t("refused.closed");
    default:
      return t("refused.again");
  }
}
