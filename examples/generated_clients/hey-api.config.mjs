// The stream is generated as Server-Sent Events, each event's data typed, once its untyped JSON
// alternative is gone.
export default {
  input: "contract.json",
  output: "hey-api",
  parser: {
    patch: {
      operations: {
        "GET /api/v1/automation-runs/{run_id}/events": (operation) => {
          const content = operation.responses["200"].content;
          delete content["application/json"];
          content["text/event-stream"].schema = { $ref: "#/components/schemas/RunEvent" };
        },
      },
    },
  },
};
