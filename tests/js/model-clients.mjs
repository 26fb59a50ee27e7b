// Calls with npm's `openai` and `@anthropic-ai/sdk` as their users do, with nothing set but base URL and key, and prints what
// they returned or threw.
//
// In, as JSON on standard input: {openai, anthropic: base URLs, key}. Out: {name: {result} or {error: {status, code, name}}}.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const given = JSON.parse(text);
const openai = new OpenAI({ baseURL: given.openai, apiKey: given.key });
const anthropic = new Anthropic({ baseURL: given.anthropic, apiKey: given.key });
const messages = [{ role: "user", content: "h\u00e9llo" }];
const asked = { model: "demo", messages };

const calls = {
  "openai models": async () => (await openai.models.list()).data[0].id,
  "openai whole": async () => (await openai.chat.completions.create(asked)).choices[0].message.content,
  "openai stream": async () => {
    let said = "";
    for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true })) {
      said += chunk.choices[0]?.delta?.content ?? "";
    }
    return said;
  },
  "anthropic whole": async () => (await anthropic.messages.create({ ...asked, max_tokens: 9 })).content[0].text,
  "anthropic stream": async () => {
    const message = await anthropic.messages.stream({ ...asked, max_tokens: 9 }).finalMessage();
    return message.content[0].text;
  },
};

const outcomes = {};
for (const [name, call] of Object.entries(calls)) {
  try {
    outcomes[name] = { result: await call() };
  } catch (error) {
    outcomes[name] = { error: { name: error.constructor.name, status: error.status, code: error.error?.code ?? error.code } };
  }
}
process.stdout.write(JSON.stringify(outcomes));
