// The documents of the customer API as the pages read them.
//
// Invariant: money stays the decimal text that the server sent; no page makes a float of it.

/** A decimal such as "12.500000", of the currency beside it. */
export type Amount = string;

/** RFC 3339, in UTC. */
export type Time = string;

/** What is counted. */
export type Meter = "calls" | "ingress_bytes" | "egress_bytes" | "total_bytes" | "units";

/** How a call says who sends it. */
export type Scheme = "key" | "appcode" | "x-ca" | "rfc9421" | "jwt";

export type Role = "owner" | "manager" | "developer" | "viewer";

export interface Storefront {
  name: string;
  logo?: string | null;
  colour?: string | null;
  links: { text: string; url: string }[];
  currency: string;
  sign_up: "open" | "invite" | "closed";
  sign_in: string[];
  /** How customers pay by themselves; null where the provider confirms each recharge. */
  payments?: "live" | "test" | null;
  /** Whether invoices are made. */
  invoices?: boolean;
  products: ProductSummary[];
}

export interface ProductSummary {
  id: string;
  name: string;
  summary?: string | null;
  tags?: string[];
}

/** The price of one meter. A tier's price is for 1,000 calls, or one GiB. */
export interface Price {
  mode: "graduated" | "volume";
  tiers: { up_to: number | null; per_block: Amount }[];
}

export interface Rate {
  prices: Partial<Record<Meter, Price>>;
  minimum: Amount;
}

export type Quantities = Partial<Record<Meter, number>>;

/** A package, which is valid for a time or for ever, or a plan, which comes again. */
export interface Offer {
  kind: "package" | "plan";
  product: string;
  id: string;
  title: string;
  price: Amount;
  quantities: Quantities;
  valid_seconds: number | null;
  every: string | null;
  beyond_at_rate: boolean;
  once: boolean;
}

export interface Product extends ProductSummary {
  description?: string | null;
  schemes: Scheme[];
  base_url?: string | null;
  openapi?: boolean;
  routes: { methods: string[]; path: string }[];
  rate: Rate | null;
  packages: Offer[];
  plans: Offer[];
}

export interface Quote {
  currency: string;
  lines: {
    kind: "rate" | "package" | "plan";
    offer: string | null;
    count: number;
    price: Amount;
  }[];
  cheapest: number | null;
}

export interface Me {
  person: { email: string; name?: string | null; language?: string | null };
  accounts: { id: string; name: string; role: Role }[];
  session: { expires: Time };
}

export interface Account {
  id: string;
  name: string;
  status: "active" | "suspended";
  role: Role;
  /** Who stands on its invoices, a line each. */
  invoice_to?: string[];
}

export interface Invoice {
  id: string;
  number: string;
  issued: Time;
  /** Null on the invoice of a payment. */
  month: string | null;
  lines: { text: string; amount: Amount }[];
  total: Amount;
  currency: string;
}

export interface Balance {
  balance: Amount;
  available: Amount;
  leased: Amount;
  currency: string;
}

export interface Grant {
  id: string;
  product: string;
  package: string;
  meter: Meter;
  quantity: number;
  remaining: number;
  leased: number;
  from: Time;
  until: Time | null;
}

export interface Subscription {
  id: string;
  product: string;
  plan: string;
  price: Amount;
  every: string;
  from: Time;
  until: Time;
  renews: boolean;
  grace_until: Time | null;
}

/** What was used of a product. */
/** How calls were answered, by the class of their status. */
export interface Statuses {
  "2xx": number;
  "3xx": number;
  "4xx": number;
  "5xx": number;
}

/** An hour or a day, from its first moment on. */
export interface SeriesPoint {
  at: Time;
  calls: number;
  ingress_bytes: number;
  egress_bytes: number;
  units: number;
  uncharged: number;
  statuses: Statuses;
}

/** Usage by time, and what it is of, where that was told apart. */
export interface UsageSeries {
  product?: string;
  route?: string;
  credential?: string;
  points: SeriesPoint[];
}

export interface Credential {
  key: string;
  name: string | null;
  last_four: string | null;
  test?: boolean;
  created: Time;
  revoked: Time | null;
  expires: Time | null;
  products: string[] | null;
}

/** Shown once. */
export interface NewCredential {
  key: string;
  secret: string;
  api_key: string;
  app_code: string;
}

/** Something that the account was told. */
export interface Notice {
  id: string;
  type: string;
  at: Time;
  data: Record<string, unknown>;
}

/** What may be spent, or was. */
export interface Amounts {
  calls: number | null;
  units: number | null;
  money: Amount | null;
}

/** What a credential has spent of a limit. */
export interface Limit {
  credential: string;
  per: "day" | "week" | "month";
  from: Time;
  renews: Time;
  limit: Amounts;
  spent: Amounts;
}

export interface Member {
  person: string;
  email: string;
  role: Role;
  since: Time;
}

export interface Invitation {
  id: string;
  email: string;
  role: Role;
  expires: Time;
}

export interface RechargeRequest {
  reference: string;
  amount: Amount;
  currency: string;
  status: "open" | "confirmed";
  created: Time;
}

export interface Order {
  id: string;
  amount: Amount;
  currency: string;
  status: "open" | "ended" | "taken" | "paid";
  created: Time;
  product?: string | null;
  offer?: string | null;
  grant?: string | null;
}

export interface Checkout {
  order: Order;
  /** Where it is paid. */
  url: string;
}

export interface StatementMonth {
  period: string;
  from: Time;
  until: Time;
}

/** A statement as far as a page shows it. The verifier reads the text that came, not this. */
export interface Statement {
  currency: string;
  from: Time;
  until: Time;
  opening: Amount;
  closing: Amount;
  entries: {
    entry: { seq: number; at: Time; event: string | Record<string, unknown> };
    amount: Amount;
    balance: Amount;
  }[];
  usage: Record<string, { calls: number; ingress_bytes: number; egress_bytes: number }>;
  charges: { product: string; month: string; cost: Amount; charged: Amount }[];
}

export interface MailboxItem {
  to: string;
  subject: string;
  text: string;
  at: Time;
}
