// Import the contract into a Postman collection and run it with newman: `node collection.mjs MOCK_URL
// KEY RUN_ID`. Print `[name, status]` of each request as JSON.

import newman from "newman";
import converter from "openapi-to-postmanv2";

const [base, key, runId] = process.argv.slice(2);
const data = await (await fetch(`${base}/openapi.json`)).json();
const converted = await new Promise((resolve, reject) =>
  converter.convert({ type: "json", data }, {}, (error, result) => (error ? reject(error) : resolve(result))),
);
if (!converted.result) throw new Error(converted.reason);
const collection = converted.output[0].data;

function* requests(items) {
  for (const item of items) {
    if (item.item) yield* requests(item.item);
    else yield item;
  }
}
for (const item of requests(collection.item)) {
  item.request.auth = null;
  item.request.header.push({ key: "X-API-Key", value: key });
  for (const variable of item.request.url.variable ?? []) variable.value = runId;
  // Examples of parameters; all are optional.
  item.request.url.query = [];
}
const baseUrl = (collection.variable ?? []).find((one) => one.key === "baseUrl");
const found = [];
newman
  .run({ collection, timeoutRequest: 20_000, reporters: [] })
  .on("request", (error, { item, response }) => found.push([item.name, error ? String(error) : response.code]))
  .on("done", (error) => {
    if (error) throw error;
    console.log(JSON.stringify({ baseUrl: baseUrl?.value, found }));
  });
