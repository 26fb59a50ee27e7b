// Makes calls with the npm client `aliyun-api-gateway`, as its users do, and prints what it returned or threw.
//
// In, as JSON on standard input: {key, secret, app_code, calls: [{method, url, options, simple}]}. Out: [{result} or {error}].

const Client = require("aliyun-api-gateway").Client;
const SimpleClient = require("aliyun-api-gateway").SimpleClient;

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const { key, secret, app_code, calls } = JSON.parse(text);
  const client = new Client(key, secret);
  const simple = new SimpleClient(app_code);
  const outcomes = [];
  for (const call of calls) {
    try {
      outcomes.push({ result: await (call.simple ? simple : client)[call.method](call.url, call.options) });
    } catch (error) {
      outcomes.push({ error: { status: error.code, message: error.message, headers: error.data?.headers } });
    }
  }
  process.stdout.write(JSON.stringify(outcomes));
}

main();
