// How a product is called: a program per scheme and language that runs as it stands.
//
// Invariant: what is filled in is quoted for the language that it stands in. All programs send the same: one GET.

import type { Product, Scheme } from "../../kit/types.ts";
import { PLAIN } from "./plain.ts";
import { RFC9421 } from "./rfc9421.ts";
import { X_CA } from "./x-ca.ts";

export type Programming = "curl" | "javascript" | "python" | "go" | "java" | "php";

export const PROGRAMMING: { value: Programming; text: string }[] = [
  { value: "curl", text: "curl" },
  { value: "javascript", text: "JavaScript" },
  { value: "python", text: "Python" },
  { value: "go", text: "Go" },
  { value: "java", text: "Java" },
  { value: "php", text: "PHP" },
];

export const SCHEMES: Record<Scheme, string> = {
  key: "API key",
  appcode: "App code",
  "x-ca": "x-ca",
  rfc9421: "RFC 9421",
  jwt: "Token",
};

/** What a customer calls with. */
export interface Keys {
  key: string;
  secret: string;
  api_key: string;
}

/** What stands where no key is at hand. */
export const PLACEHOLDERS: Keys = { key: "YOUR_KEY", secret: "YOUR_SECRET", api_key: "YOUR_API_KEY" };

/** What stands for a token of the provider's issuer, which nobody here has. */
const TOKEN = "YOUR_TOKEN";

/** The program that calls `url`. */
export function sample(scheme: Scheme, language: Programming, url: string, keys: Keys): string {
  const authorization =
    scheme === "appcode" ? `APPCODE ${keys.api_key}` : `Bearer ${scheme === "jwt" ? TOKEN : keys.api_key}`;
  const values: Record<string, string> = { url, authorization, key: keys.key, secret: keys.secret };
  const programs = scheme === "x-ca" ? X_CA : scheme === "rfc9421" ? RFC9421 : PLAIN;
  return programs[language].trim().replace(/\{\{(\w+)\}\}/g, (_, name: string) => quoted(values[name] ?? "", language));
}

/** A text between the quotes of a language: none of ours holds a line's end. */
function quoted(text: string, language: Programming): string {
  switch (language) {
    case "curl":
    case "php":
      return text.replace(language === "php" ? /[\\']/g : /'/g, language === "php" ? "\\$&" : "'\\''");
    default:
      return text.replace(/[\\"]/g, "\\$&");
  }
}

/** The address of a call that the product has a route for, to begin with. */
export function exampleUrl(product: Product, origin: string): string {
  const isGet = (route: Product["routes"][number]) => route.methods.length === 0 || route.methods.includes("GET");
  const route = product.routes.find(isGet) ?? product.routes[0];
  const path = (route?.path ?? "/").replace(/\{\*\w*\}/g, "hello").replace(/\{\w+\}/g, "1");
  return (product.base_url ?? origin).replace(/\/$/, "") + path;
}
