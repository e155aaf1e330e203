// By default the generated fetch client parses every body as JSON; `transport.ts` looks at the
// content type first.
module.exports = {
  runs: {
    input: "contract.json",
    output: {
      target: "orval/client.ts",
      client: "fetch",
      override: { mutator: { path: "transport.ts", name: "request" } },
    },
  },
};
